"""The section ``domain`` of a problem file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..geometry import Difference, GeometryError, Intersection, Shape, Union
from ..geometry.mapping import KINDS, from_mapping
from .documents import Node
from .errors import DeclarationError, Place, unknown_word
from .vocabulary import read_number

_COMPOSED = {"difference": Difference, "union": Union, "intersection": Intersection}


def read_shape(node: Node, folder: Path | None) -> Shape:
    """A shape, composed ones part by part, so that complaints come with the part's line."""
    entries = node.mapping("a shape", example="rectangle: {lower: [0, 0], upper: [1, 1]}")
    if len(entries) != 1:
        raise node.error(
            f"a shape of {len(entries)} kinds", expected="one kind", mend="join shapes by union or difference"
        )
    ((kind, inner),) = entries.items()
    if kind not in KINDS:
        raise unknown_word("shape", kind, KINDS, place=node.keys[kind])
    try:
        if kind in _COMPOSED:
            parts = inner.list(kind, f"{kind}: [{{…}}, {{…}}]")
            return _COMPOSED[kind](*(read_shape(part, folder) for part in parts))
        return from_mapping({kind: _data(inner, kind, folder)})
    except GeometryError as error:
        raise from_geometry(error, inner.place) from None


def from_geometry(error: GeometryError, place: Place | None = None) -> DeclarationError:
    """A complaint about a shape, as one about the declaration."""
    return DeclarationError(
        error.what,
        expected=error.expected or "a shape",
        mend=error.mend or "change the shape's entries",
        place=place,
        section="domain",
    )


def _data(node: Node, key: str, folder: Path | None) -> Any:
    """Plain data of a shape; text stands for a number everywhere but in names and files."""
    if key in ("name", "names"):
        return node.plain()
    if isinstance(node.value, dict):
        return {inner: _data(entry, inner, folder) for inner, entry in node.value.items()}
    if isinstance(node.value, list):
        return [_data(entry, key, folder) for entry in node.value]
    if key in ("file", "path") and isinstance(node.value, str):
        return node.value if folder is None else str((folder / node.value).resolve())
    return read_number(node, key) if isinstance(node.value, str) else node.value
