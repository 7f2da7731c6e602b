"""Exodus II files, of NetCDF 3 through SciPy and of NetCDF 4 through h5py.

meshio needs a further library for them and drops side sets and the names of blocks. The format: L. A. Schoof,
V. R. Yarberry, "EXODUS II: a finite element data model", SAND92-2137, 1994; sides and nodes of cells: its
figures 4.8–4.10.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .elements import ELEMENTS
from .file_content import FileContent, tag_name

_KINDS = {
    ("TRI", 3): "triangle", ("TRI", 6): "triangle6", ("SHE", 3): "triangle", ("SHE", 6): "triangle6",
    ("QUA", 4): "quad", ("QUA", 8): "quad8", ("QUA", 9): "quad9",
    ("SHE", 4): "quad", ("SHE", 8): "quad8", ("SHE", 9): "quad9",
    ("TET", 4): "tetra", ("TET", 10): "tetra10", ("WED", 6): "wedge", ("PYR", 5): "pyramid",
    ("HEX", 8): "hexahedron", ("HEX", 20): "hexahedron20", ("HEX", 27): "hexahedron27",
}  # fmt: skip
_BARS = ("BAR", "BEA", "TRU", "EDG", "LIN", "ROD")
_POINTS = ("SPH", "CIR", "NOD")
# The nodes of VTK's order in that of exodus, which puts the middles of upright edges before the upper ones.
_HEX = (*range(12), *range(16, 20), *range(12, 16))
_ORDERS = {"hexahedron20": _HEX, "hexahedron27": (*_HEX, 23, 24, 25, 26, 21, 22, 20)}
_TETRA_SIDES = ((0, 1, 3), (1, 2, 3), (0, 2, 3), (0, 1, 2))
_HEX_SIDES = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (0, 4, 7, 3), (0, 3, 2, 1), (4, 5, 6, 7))
_SIDES = {
    "line": ((0,), (1,)),
    "triangle": ((0, 1), (1, 2), (2, 0)),
    "quad": ((0, 1), (1, 2), (2, 3), (3, 0)),
    "tetra": _TETRA_SIDES,
    "hexahedron": _HEX_SIDES,
    "wedge": ((0, 1, 4, 3), (1, 2, 5, 4), (0, 3, 5, 2), (0, 2, 1), (3, 4, 5)),
    "pyramid": ((0, 1, 4), (1, 2, 4), (2, 3, 4), (0, 4, 3), (0, 3, 2, 1)),
}


def read_exodus(file: Path) -> FileContent:
    """The mesh of an exodus file, blocks and side sets under their names, else as ``tag_ID``."""
    with file.open("rb") as opened:
        magic = opened.read(4)
    if magic[:3] == b"CDF":
        from scipy.io import netcdf_file

        with netcdf_file(str(file), "r", mmap=False) as data:
            kinds = {name: getattr(v, "elem_type", b"") for name, v in data.variables.items()}
            return _content({name: v[:].copy() for name, v in data.variables.items()}, kinds)
    import h5py

    with h5py.File(file, "r") as data:
        found = {name: v for name, v in data.items() if isinstance(v, h5py.Dataset)}
        kinds = {name: v.attrs.get("elem_type", b"") for name, v in found.items()}
        wanted = ("coor", "connect", "eb_", "ss_", "ns_", "elem_ss", "side_ss", "node_ns")
        return _content({name: v[()] for name, v in found.items() if name.startswith(wanted)}, kinds)


def _content(data: Mapping[str, np.ndarray], kinds: Mapping[str, Any]) -> FileContent:
    if "coord" in data:
        points = np.asarray(data["coord"], float).T
    else:
        axes = [key for key in ("coordx", "coordy", "coordz") if key in data]
        points = np.column_stack([np.asarray(data[key], float) for key in axes])
    content = FileContent(points, [])
    names = _names(data, "eb", _count(data, "connect"))
    for number, name in enumerate(names, 1):
        cells = np.asarray(data[f"connect{number}"], np.int64) - 1
        kind = _kind(kinds[f"connect{number}"], cells.shape[1])
        content.blocks.append((kind, cells[:, _ORDERS[kind]] if kind in _ORDERS else cells))
        content.add(name, number - 1, np.arange(len(cells)))
    for number, name in enumerate(_names(data, "ss", _count(data, "elem_ss")), 1):
        elements, sides = data[f"elem_ss{number}"], data[f"side_ss{number}"]
        shells = [_text(kinds[f"connect{b}"])[:3] == "SHE" for b in range(1, len(names) + 1)]
        content.sides[name] = _side_nodes(content, np.asarray(elements) - 1, np.asarray(sides) - 1, shells)
    for number, name in enumerate(_names(data, "ns", _count(data, "node_ns")), 1):
        content.point_sets[name] = np.asarray(data[f"node_ns{number}"], np.int64) - 1
    return content


def _count(data: Mapping[str, np.ndarray], key: str) -> int:
    return sum(name.startswith(key) and name[len(key) :].isdigit() for name in data)


def _names(data: Mapping[str, np.ndarray], key: str, count: int) -> list[str]:
    """Names of the blocks or sets, from their own list, else by their numbers."""
    numbers = np.asarray(data[f"{key}_prop1"]).tolist() if f"{key}_prop1" in data else range(1, count + 1)
    rows = np.asarray(data[f"{key}_names"]) if f"{key}_names" in data else [b""] * count
    texts = [_text(b"".join(np.atleast_1d(row).tolist())) for row in rows]
    return [tag_name(text, number) for text, number in zip(texts, numbers, strict=True)]


def _text(given: Any) -> str:
    text = given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given)
    return text.split("\0")[0].strip()


def _kind(named: Any, nodes: int) -> str:
    """meshio's kind of a block; the name in the file where there is none."""
    family = _text(named).upper()
    if family[:3] in _POINTS or nodes == 1:
        return "vertex"
    if family[:3] in _BARS:
        return {2: "line", 3: "line3"}.get(nodes, f"{family}{nodes}")
    return _KINDS.get((family[:3], nodes), f"{family} of {nodes} nodes")


def _side_nodes(
    content: FileContent, elements: np.ndarray, sides: np.ndarray, shells: list[bool]
) -> list[np.ndarray]:
    """Corners of the sides of cells, both numbered from 0 through all blocks."""
    starts = np.cumsum([0, *(len(cells) for _, cells in content.blocks)])
    if len(elements) != len(sides) or np.any(elements < 0) or np.any(elements >= starts[-1]):
        raise ValueError("a side set names cells that are not there")
    found = []
    for block, (kind, cells) in enumerate(content.blocks):
        mine = (elements >= starts[block]) & (elements < starts[block + 1])
        if not np.any(mine):
            continue
        base = next((name for name in _SIDES if kind.startswith(name)), None)
        if base is None or kind not in ELEMENTS:
            continue
        # The first two sides of a shell are its faces.
        numbers = sides[mine] - 2 * shells[block]
        rows = elements[mine] - starts[block]
        for side, corners in enumerate(_SIDES[base]):
            found.append(cells[rows[numbers == side]][:, corners])
    return [rows for rows in found if len(rows)]
