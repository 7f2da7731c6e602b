"""A trajectory on a grid as a function of space and time: tensor-product splines, with derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import NdBSpline, make_interp_spline

from .mesh_field import MeshField

Index = tuple[int, ...]


class SplineField:
    """Unknowns as splines over space and time.

    ``knots`` and ``degrees`` are by variable, ``coefficients`` (*variables, unknowns).
    """

    def __init__(
        self, names: Sequence[str], knots: Sequence[np.ndarray], degrees: Sequence[int],
        coefficients: np.ndarray,
    ):  # fmt: skip
        self.names, self.knots = tuple(names), tuple(knots)
        self.degrees, self.coefficients = tuple(int(d) for d in degrees), coefficients
        self._spline = NdBSpline(self.knots, coefficients, self.degrees)

    @classmethod
    def through(
        cls, names: Sequence[str], lines: Sequence[np.ndarray], values: np.ndarray, degree: int
    ) -> SplineField:
        """The spline through values (*variables, unknowns) on the lines of a grid."""
        knots, degrees = [], []
        for axis, line in enumerate(lines):
            k = min(degree, len(line) - 1)
            k -= 1 - k % 2
            spline = make_interp_spline(line, values, k, axis=axis)
            values = np.moveaxis(spline.c, 0, axis)
            knots.append(spline.t)
            degrees.append(k)
        return cls(names, knots, degrees, np.ascontiguousarray(values))

    def __call__(self, points: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values (n,) by unknown at points (n, d)."""
        return self._columns(self._spline(points))

    def derivatives(self, points: np.ndarray, indices: tuple[Index, ...]) -> Mapping[str, np.ndarray]:
        """∂^α (n, number of indices) by unknown; zero above the degree of the spline."""
        parts = [self._columns(self._partial(points, index)) for index in indices]
        return {name: np.stack([part[name] for part in parts], axis=1) for name in self.names}

    def arrays(self) -> dict[str, np.ndarray]:
        """What the field consists of; ``from_arrays`` reads it back."""
        knots = {f"knots_{i}": k for i, k in enumerate(self.knots)}
        return {**knots, "degrees": np.array(self.degrees), "coefficients": self.coefficients}

    @classmethod
    def from_arrays(cls, names: Sequence[str], arrays: Mapping[str, np.ndarray]) -> SplineField:
        """The field of ``arrays``."""
        degrees = [int(d) for d in arrays["degrees"]]
        knots = [np.asarray(arrays[f"knots_{i}"]) for i in range(len(degrees))]
        return cls(names, knots, degrees, np.asarray(arrays["coefficients"]))

    def _partial(self, points: np.ndarray, index: Index) -> np.ndarray:
        if any(n > k for n, k in zip(index, self.degrees, strict=True)):
            return np.zeros((len(points), len(self.names)))
        return self._spline(points, nu=index)

    def _columns(self, values: np.ndarray) -> dict[str, np.ndarray]:
        table = values.reshape(len(values), len(self.names))
        return dict(zip(self.names, table.T, strict=True))


class SplineFields:
    """Several fields as one: the unknowns, on a grid or a mesh, and fields that were inferred, as splines."""

    def __init__(self, parts: Sequence[SplineField | MeshField]):
        self.parts = tuple(parts)

    def __call__(self, points: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values (n,) by unknown at points (n, d)."""
        return {name: value for part in self.parts for name, value in part(points).items()}

    def derivatives(self, points: np.ndarray, indices: tuple[Index, ...]) -> Mapping[str, np.ndarray]:
        """∂^α (n, number of indices) by unknown."""
        found = [part.derivatives(points, indices) for part in self.parts]
        return {name: value for part in found for name, value in part.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """What the fields consist of; ``from_arrays`` reads it back."""
        return {f"{i}_{key}": v for i, part in enumerate(self.parts) for key, v in part.arrays().items()}

    @classmethod
    def from_arrays(cls, names: Sequence[Sequence[str]], arrays: Mapping[str, np.ndarray]) -> SplineFields:
        """The fields of ``arrays``, with the names of each part."""
        parts = []
        for i, own in enumerate(names):
            start = f"{i}_"
            chosen = {k.removeprefix(start): v for k, v in arrays.items() if k.startswith(start)}
            kind = MeshField if "cells" in chosen else SplineField
            parts.append(kind.from_arrays(own, chosen))
        return cls(parts)


@dataclass(frozen=True)
class Solved:
    """A simulation with what was inferred or chosen put in."""

    field: SplineFields
    parameters: dict[str, float]
    notes: tuple[str, ...]
