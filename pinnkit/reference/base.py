"""What a reference is: values at points, with an error bar, and where they come from."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray

    from ..declare.quantities import Quantity
    from ..solution.quantities import Estimate


class ReferenceUnavailable(ValueError):
    """A reference that cannot be made: ``what`` fails, for a ``reason``, and how to ``mend`` it."""

    def __init__(self, what: str, *, reason: str = "", mend: str = ""):
        self.what, self.reason, self.mend = what, reason, mend
        lines = [what]
        if reason:
            lines.append(f"  reason: {reason}")
        if mend:
            lines.append(f"  mend: {mend}")
        super().__init__("\n".join(lines))


class QuantityUnavailable(ReferenceUnavailable):
    """A quantity of interest without a finite value."""

    def __init__(self, quantity: Quantity, what: str, *, reason: str = "", mend: str = ""):
        self.quantity = quantity
        super().__init__(what, reason=reason, mend=mend)


class Reference(abc.ABC):
    """A solution to compare with.

    ``error_bar`` is the reference's own error for each unknown, relative L2 in the norm of the comparison
    (space and time, the mean removed from pressure-like unknowns); 0 where the values are exact.
    Those of the ``vanishing`` unknowns, zero within their error, are relative to the largest other unknown.
    """

    kind: str
    names: tuple[str, ...]
    error_bar: Mapping[str, float]
    notes: tuple[str, ...]
    seconds: float
    vanishing: frozenset[str] = frozenset()

    @abc.abstractmethod
    def evaluate(self, points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Values (n,) of each unknown at ``points`` (n, d): space coordinates, then time."""

    def quantities(self) -> dict[str, Estimate]:
        """The problem's quantities of interest by name, each with its error bar.

        What the reference cannot tell comes with the reason. Raises ``QuantityUnavailable`` for a quantity
        that is not finite.
        """
        return self._known_quantities

    @cached_property
    def _known_quantities(self) -> dict[str, Estimate]:
        return self._quantities()

    @abc.abstractmethod
    def _quantities(self) -> dict[str, Estimate]:
        """The quantities, worked out."""

    @abc.abstractmethod
    def to_dataset(self) -> xarray.Dataset:
        """The reference as a dataset, each unknown under its own name."""
