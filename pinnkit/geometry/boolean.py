"""Union, difference and intersection of shapes; boundary names are kept."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from .clipping import clip
from .curves import Curve
from .errors import GeometryError
from .pieces import BoundaryPiece, EndPoint
from .shapes import Shape, propose_in_box, unknown_name

# Relative to the size of the parts: what measures less is nothing.
NOTHING = 1e-10


@dataclass(frozen=True, init=False)
class Boolean(Shape):
    """A shape made of two or more others of one dimension."""

    shapes: tuple[Shape, ...]

    kind: ClassVar[str]

    def __init__(self, *shapes: Shape):
        for shape in shapes:
            if not isinstance(shape, Shape):
                raise GeometryError(f"{shape!r} in a {self.kind} is no shape", expected="a shape")
        if len(shapes) < 2:
            raise GeometryError(f"a {self.kind} of {len(shapes)} shape(s)", expected="at least two shapes")
        dimensions = {shape.dimension for shape in shapes}
        if len(dimensions) > 1:
            raise GeometryError(
                f"a {self.kind} of shapes in {' and '.join(map(str, sorted(dimensions)))} dimensions",
                expected="shapes of one dimension",
            )
        object.__setattr__(self, "shapes", self._flat(shapes))
        self._check()

    @abc.abstractmethod
    def _flat(self, shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
        """The operands with nested ones of the same kind laid open, where that changes nothing."""

    @abc.abstractmethod
    def _check(self) -> None:
        """Raises ``GeometryError`` where nothing would be left or an operand does nothing."""

    @property
    def dimension(self) -> int:
        return self.shapes[0].dimension

    @cached_property
    def _pieces(self) -> tuple[BoundaryPiece, ...]:
        return clip(self, self.shapes, max(shape.diameter for shape in self.shapes))

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        return self._pieces

    @cached_property
    def _box(self) -> tuple[np.ndarray, np.ndarray]:
        pieces = self.pieces()
        if self.dimension == 1:
            ends = np.array([piece.position for piece in pieces if isinstance(piece, EndPoint)])
            return ends[:1], ends[-1:]
        if pieces and all(isinstance(piece, Curve) for piece in pieces):
            low, high = zip(*(piece.box for piece in pieces if isinstance(piece, Curve)), strict=True)
            return np.min(low, axis=0), np.max(high, axis=0)
        return self._outer_box()

    @property
    def bounds(self):
        return self._box

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(note for shape in self.shapes for note in shape.notes))

    @abc.abstractmethod
    def _outer_box(self) -> tuple[np.ndarray, np.ndarray]:
        """A box around the shape, from the boxes of its operands."""

    @cached_property
    def measure(self) -> float:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Exact in one and two dimensions (divergence theorem) and for solids; else from 2¹⁷ points."""
        if self.dimension == 3:
            from .netgen_space import solid

            with contextlib.suppress(GeometryError):
                return float(solid(self, []).mass)
        return measure_of(self)

    def renamed(self, names: Mapping[str, str]) -> Self:
        for old in names:
            if old not in self.boundary_names:
                raise unknown_name(old, self.boundary_names)
        return type(self)(*(
            shape.renamed({old: new for old, new in names.items() if old in shape.boundary_names})
            for shape in self.shapes
        ))  # fmt: skip

    def to_mapping(self) -> dict[str, Any]:
        return {self.kind: [shape.to_mapping() for shape in self.shapes]}


@dataclass(frozen=True, init=False)
class Union(Boolean):
    """Everything in at least one of the shapes."""

    kind = "union"

    def _flat(self, shapes):
        return tuple(
            part for shape in shapes for part in (shape.shapes if isinstance(shape, Union) else (shape,))
        )

    def _check(self) -> None:
        """Any union holds: its parts may be apart, overlap or lie within each other."""

    def _outer_box(self):
        boxes = [shape.bounds for shape in self.shapes]
        return np.min([b[0] for b in boxes], axis=0), np.max([b[1] for b in boxes], axis=0)

    def signed_distance(self, points):
        return np.min([shape.signed_distance(points) for shape in self.shapes], axis=0)

    def propose(self, unit):
        return propose_in_box(self, unit)


@dataclass(frozen=True, init=False)
class Intersection(Boolean):
    """What all the shapes share."""

    kind = "intersection"

    def _flat(self, shapes):
        return tuple(
            part
            for shape in shapes
            for part in (shape.shapes if isinstance(shape, Intersection) else (shape,))
        )

    def _check(self) -> None:
        if measure_of(self) <= NOTHING * min(shape.measure for shape in self.shapes):
            raise GeometryError(
                f"the intersection of {describe(self.shapes)} is empty", expected="shapes that overlap",
                mend="move or enlarge one of them",
            )  # fmt: skip

    def _outer_box(self):
        boxes = [shape.bounds for shape in self.shapes]
        low = np.max([b[0] for b in boxes], axis=0)
        return low, np.maximum(np.min([b[1] for b in boxes], axis=0), low)

    def signed_distance(self, points):
        return np.max([shape.signed_distance(points) for shape in self.shapes], axis=0)

    def propose(self, unit):
        return propose_in_box(self, unit)


@dataclass(frozen=True, init=False)
class Difference(Boolean):
    """The first shape without the others."""

    kind = "difference"

    def _flat(self, shapes):
        first, *holes = shapes
        return (*first.shapes, *holes) if isinstance(first, Difference) else (first, *holes)

    def _check(self) -> None:
        first, *holes = self.shapes
        for place, hole in enumerate(holes, 1):
            try:
                Intersection(first, hole)
            except GeometryError:
                raise GeometryError(
                    f"hole {place} of a difference, {describe([hole])}, lies outside {describe([first])}",
                    expected="a hole that overlaps the shape it is taken from",
                    mend="move or enlarge the hole, or leave it out",
                ) from None
        if measure_of(self) <= NOTHING * first.measure:
            raise GeometryError(
                f"nothing is left of {describe([first])} without {describe(holes)}",
                expected="holes that leave something", mend="make the holes smaller",
            )  # fmt: skip

    def _outer_box(self):
        return self.shapes[0].bounds

    def signed_distance(self, points):
        first, *holes = self.shapes
        return np.max(
            [first.signed_distance(points), *(-hole.signed_distance(points) for hole in holes)], axis=0
        )

    def propose(self, unit):
        points, kept = self.shapes[0].propose(unit)
        return points, kept & self.contains(points)


def measure_of(shape: Boolean) -> float:
    """Length or area, exact; volume to three digits from low-discrepancy points; 0 if empty."""
    pieces = shape.pieces() if shape.dimension <= 2 else ()
    if shape.dimension == 1:
        return float(sum(piece.position * piece.sign for piece in pieces if isinstance(piece, EndPoint)))
    if shape.dimension == 2 and all(isinstance(piece, Curve) for piece in pieces):
        return float(sum(piece.moment for piece in pieces if isinstance(piece, Curve)))
    from .sampling import unit_points

    lower, upper = shape._outer_box()
    inside = shape.contains(lower + unit_points(2**17, shape.dimension, seed=0) * (upper - lower))
    return float(np.prod(upper - lower) * np.mean(inside))


def describe(shapes: list[Shape] | tuple[Shape, ...]) -> str:
    """Shapes in words for complaints: "disk (center [0, 0], radius 1) and …"."""
    words = []
    for shape in shapes:
        ((kind, entries),) = shape.to_mapping().items()
        inner = f" ({', '.join(f'{k} {v}' for k, v in entries.items())})" if isinstance(entries, dict) else ""
        words.append(f"the {kind}{inner}")
    return " and ".join(words)
