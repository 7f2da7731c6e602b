"""What a shape is: membership, a boundary of named pieces, a measure, and points drawn from it."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from .checks import columns, tidy
from .errors import GeometryError, did_you_mean
from .pieces import BoundaryPiece

if TYPE_CHECKING:
    from .boolean import Difference, Intersection, Union

# Addresses every piece of a boundary; no piece may be called so.
BOUNDARY = "boundary"


class Shape(abc.ABC):
    """A bounded, closed region of 1-D, 2-D, 3-D or higher-dimensional space. Frozen; equal by value."""

    @property
    @abc.abstractmethod
    def dimension(self) -> int:
        """Number of space coordinates."""

    @property
    @abc.abstractmethod
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner of the bounding box, each (d,)."""

    @property
    @abc.abstractmethod
    def measure(self) -> float:
        """Length, area or volume."""

    @abc.abstractmethod
    def signed_distance(self, points: np.ndarray) -> np.ndarray:
        """(n,) numbers, negative within: the sign is exact, the size right to first order at the boundary."""

    @abc.abstractmethod
    def pieces(self) -> tuple[BoundaryPiece, ...]:
        """The pieces that the boundary consists of, without overlap."""

    @abc.abstractmethod
    def propose(self, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, d) for (n, d) numbers in [0, 1), and which of them are of the shape (n,).

        Uniform numbers give uniform points; the map is piecewise smooth, so that low-discrepancy numbers give
        low-discrepancy points.
        """

    @abc.abstractmethod
    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same shape with boundary pieces renamed, old name → new name."""

    @abc.abstractmethod
    def to_mapping(self) -> dict[str, Any]:
        """The shape as it stands in a problem file; ``from_mapping`` reads it back."""

    @property
    def boundary_names(self) -> tuple[str, ...]:
        """Names of the boundary, each once, in order of first appearance."""
        return tuple(dict.fromkeys(piece.name for piece in self.pieces()))

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for the report on what was made of a shape's file."""
        return ()

    @property
    def diameter(self) -> float:
        """Diagonal of the bounding box, the length that tolerances are relative to."""
        lower, upper = self.bounds
        return float(np.linalg.norm(upper - lower))

    def contains(self, points: np.ndarray, tolerance: float = 0.0) -> np.ndarray:
        """Which points (n, d) lie in the closed shape, widened by ``tolerance`` (narrowed where negative)."""
        return self.signed_distance(columns(points, self.dimension)) <= tolerance

    def named(self, name: str) -> Self:
        """The same shape with one name for its whole boundary."""
        return self.renamed(dict.fromkeys(self.boundary_names, name))

    def pieces_of(self, where: str | Sequence[str] = BOUNDARY) -> tuple[BoundaryPiece, ...]:
        """Pieces under one or several names; ``boundary`` is all of them.

        Raises ``GeometryError`` for a name that the boundary does not have.
        """
        wanted = (where,) if isinstance(where, str) else tuple(where)
        for name in wanted:
            if name != BOUNDARY and name not in self.boundary_names:
                raise unknown_name(name, self.boundary_names)
        return tuple(p for p in self.pieces() if BOUNDARY in wanted or p.name in wanted)

    def __sub__(self, other: Shape) -> Difference:
        from .boolean import Difference

        return Difference(self, other)

    def __or__(self, other: Shape) -> Union:
        from .boolean import Union

        return Union(self, other)

    def __and__(self, other: Shape) -> Intersection:
        from .boolean import Intersection

        return Intersection(self, other)


@dataclass(frozen=True)
class Elementary(Shape):
    """A shape given by numbers.

    ``name`` gives all its pieces one name; ``names`` renames some, default name → new name, and is kept as
    one name for each default piece in order.
    """

    name: InitVar[str | None] = field(default=None, kw_only=True)
    names: tuple[str, ...] = field(default=(), kw_only=True)

    kind: ClassVar[str]

    def __post_init__(self, name: str | None) -> None:
        self._check()
        object.__setattr__(self, "names", read_names(self.default_names, name, self.names))

    @abc.abstractmethod
    def _check(self) -> None:
        """Brings the fields into their plain form, raising ``GeometryError`` where they make no shape."""

    @property
    @abc.abstractmethod
    def default_names(self) -> tuple[str, ...]:
        """One name for each piece, where the user gives none."""

    def renamed(self, names: Mapping[str, str]) -> Self:
        for old in names:
            if old not in self.names:
                raise unknown_name(old, self.names)
        return replace(self, names=tuple(names.get(old, old) for old in self.names))

    def to_mapping(self) -> dict[str, Any]:
        entries = {f.name: tidy(getattr(self, f.name)) for f in fields(self) if f.name != "names"}
        return {self.kind: entries | name_entries(self.default_names, self.names)}

    def _set(self, **values: Any) -> None:
        for key, value in values.items():
            object.__setattr__(self, key, value)


def read_names(
    defaults: tuple[str, ...], name: str | None, names: Mapping[str, str] | Sequence[str]
) -> tuple[str, ...]:
    """One name for each default piece, from ``name`` for all or ``names`` for some."""
    if name is not None and names:
        raise GeometryError(
            "a shape is given both `name` and `names`", expected="one of them",
            mend="use `name` for one name all round, `names` to rename single pieces",
        )  # fmt: skip
    if name is not None:
        result = (name,) * len(defaults)
    elif isinstance(names, Mapping):
        for old in names:
            if old not in defaults:
                raise unknown_name(str(old), defaults)
        result = tuple(names.get(old, old) for old in defaults)
    else:
        result = tuple(names) or defaults
    if len(result) != len(defaults):
        raise GeometryError(
            f"{len(result)} names for {len(defaults)} boundary pieces", expected=", ".join(defaults)
        )
    for entry in result:
        if not isinstance(entry, str) or not entry.strip():
            raise GeometryError(f"a boundary piece is named {entry!r}", expected="a word")
        if entry == BOUNDARY:
            raise GeometryError(
                f"a boundary piece is named {BOUNDARY!r}", expected="any other name",
                mend=f"{BOUNDARY!r} addresses all pieces and needs no naming",
            )  # fmt: skip
    return result


def name_entries(defaults: tuple[str, ...], names: tuple[str, ...]) -> dict[str, Any]:
    """``name`` or ``names`` as a problem file would say it; nothing where the names are the default ones."""
    if names == defaults:
        return {}
    if len(set(names)) == 1:
        return {"name": names[0]}
    return {"names": {old: new for old, new in zip(defaults, names, strict=True) if old != new}}


def unknown_name(name: str, known: Sequence[str]) -> GeometryError:
    """The complaint about a boundary name that is nowhere."""
    listed = tuple(dict.fromkeys(known))
    return GeometryError(
        f"no boundary piece is named {name!r}",
        expected=f"one of {', '.join(listed)}, or {BOUNDARY} for all",
        mend=did_you_mean(name, (*listed, BOUNDARY)),
    )


def propose_in_box(shape: Shape, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Proposals from the bounding box, of which those outside are rejected."""
    lower, upper = shape.bounds
    points = lower + unit * (upper - lower)
    return points, shape.contains(points)
