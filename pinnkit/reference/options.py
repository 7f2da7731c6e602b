"""Options of the finite-element reference."""

from __future__ import annotations

from dataclasses import dataclass

from .base import ReferenceUnavailable
from .elements import HIGHEST_DEGREE


@dataclass(frozen=True)
class FemOptions:
    """Element ``degree`` (by default 4 on lines, 3 on triangles, 2 on tetrahedra), size of the first cells,
    and the limits of refinement: ``budget_seconds`` and ``max_dofs``."""

    degree: int | None = None
    size: float | None = None
    budget_seconds: float = 60.0
    max_dofs: int = 250_000

    def __post_init__(self) -> None:
        if self.degree is not None and not 1 <= self.degree <= HIGHEST_DEGREE:
            raise ReferenceUnavailable(
                f"finite elements of degree {self.degree}",
                reason=f"elements have degree 1 to {HIGHEST_DEGREE}",
                mend=f"choose a degree between 1 and {HIGHEST_DEGREE}",
            )
        for name in ("size", "budget_seconds", "max_dofs"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ReferenceUnavailable(
                    f"finite elements: {name} is {value}", mend="give a positive number"
                )
