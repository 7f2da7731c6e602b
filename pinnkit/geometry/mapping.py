"""Shapes from plain mappings, as they stand in problem files: ``{disk: {center: [0, 0], radius: 1}}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from .boolean import Difference, Intersection, Union
from .boxes import Box, Interval, Rectangle, as_interval
from .errors import GeometryError, did_you_mean
from .mesh_file import MeshFile
from .polygon import Polygon
from .round import Ball, Cylinder, Disk, Ellipse
from .shapes import Shape

GIVEN = {
    cls.kind: cls for cls in (Interval, Rectangle, Box, Disk, Ellipse, Ball, Polygon, Cylinder, MeshFile)
}
COMPOSED = {cls.kind: cls for cls in (Union, Difference, Intersection)}
KINDS = (*GIVEN, *COMPOSED)


def from_mapping(mapping: Mapping[str, Any]) -> Shape:
    """The shape that a mapping of one kind to its entries describes; undoes ``Shape.to_mapping``.

    Raises ``GeometryError`` for unknown kinds and entries, missing ones and values that make no shape.
    """
    if not isinstance(mapping, Mapping) or len(mapping) != 1:
        raise GeometryError(
            f"a shape is {mapping!r}", expected=f"one of {', '.join(KINDS)} with its entries",
            mend="write for example `disk: {center: [0, 0], radius: 1}`",
        )  # fmt: skip
    ((kind, entries),) = mapping.items()
    if kind in COMPOSED:
        if not isinstance(entries, list | tuple):
            raise GeometryError(f"{kind} is {entries!r}", expected="a list of shapes")
        return COMPOSED[kind](*map(from_mapping, entries))
    if kind not in GIVEN:
        raise GeometryError(
            f"no shape is called {kind!r}", expected=f"one of {', '.join(KINDS)}",
            mend=did_you_mean(str(kind), KINDS),
        )  # fmt: skip
    if kind == "interval" and not isinstance(entries, Mapping):
        entries = as_interval(entries)
    return _given(kind, entries)


def _given(kind: str, entries: Any) -> Shape:
    cls = GIVEN[kind]
    fields_of = {f.metadata.get("entry", f.name): f.name for f in fields(cls) if f.name != "names"}
    known = [*fields_of, "name", "names"]
    needed = [f.name for f in fields(cls) if f.default is MISSING]
    if not isinstance(entries, Mapping):
        raise GeometryError(f"{kind} is {entries!r}", expected=f"a mapping with {', '.join(needed)}")
    for key in entries:
        if key not in known:
            raise GeometryError(
                f"{kind} has no entry {key!r}", expected=", ".join(known), mend=did_you_mean(str(key), known)
            )
    missing = [key for key in needed if key not in entries]
    if missing:
        raise GeometryError(
            f"{kind} lacks {' and '.join(missing)}", expected=f"a mapping with {', '.join(needed)}"
        )
    return cls(**{fields_of.get(key, key): value for key, value in entries.items()})
