"""MED files of Salome and Code_Aster, through h5py.

meshio knows fewer cells and refuses files in which some kind of cell belongs to no family. The format:
"MED 4 file format", https://docs.salome-platform.org.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .file_content import FileContent, tag_name

_KINDS = {
    "PO1": ("vertex", 1), "SE2": ("line", 2), "SE3": ("line3", 3), "TR3": ("triangle", 3),
    "TR6": ("triangle6", 6), "QU4": ("quad", 4), "QU8": ("quad8", 8), "QU9": ("quad9", 9),
    "TE4": ("tetra", 4), "T10": ("tetra10", 10), "HE8": ("hexahedron", 8), "H20": ("hexahedron20", 20),
    "H27": ("hexahedron27", 27), "PE6": ("wedge", 6), "PY5": ("pyramid", 5),
}  # fmt: skip
# Faces of the 27-node cell: below, front, right, back, left, above there; left, right, front, back, … here.
_ORDERS = {"hexahedron27": (*range(20), 24, 22, 21, 23, 20, 25, 26)}


def read_med(file: Path) -> FileContent:
    """The one mesh of a MED file; a family of cells belongs to all groups that it lists, or is ``tag_N``."""
    import h5py

    with h5py.File(file, "r") as data:
        meshes = list(data["ENS_MAA"].items())
        if len(meshes) != 1:
            raise ValueError(f"it holds {len(meshes)} meshes, and one is wanted")
        name, mesh = meshes[0]
        space = int(mesh.attrs["ESP"])
        if "NOE" not in mesh:
            if len(mesh) != 1:
                raise ValueError(f"it holds its mesh at {len(mesh)} times, and one is wanted")
            mesh = next(iter(mesh.values()))
        points = np.asarray(mesh["NOE/COO"][()], float).reshape(space, -1).T
        families = _families(data[f"FAS/{name}/ELEME"]) if f"FAS/{name}/ELEME" in data else {}
        content = FileContent(points, [])
        for code, cells in mesh["MAI"].items():
            kind, nodes = _KINDS.get(code, (code, cells["NOD"].size // int(cells["NOD"].attrs["NBR"])))
            rows = np.asarray(cells["NOD"][()], np.int64).reshape(nodes, -1).T - 1
            content.blocks.append((kind, rows[:, _ORDERS[kind]] if kind in _ORDERS else rows))
            if "FAM" in cells:
                content.add_tags(len(content.blocks) - 1, np.asarray(cells["FAM"][()]), families)
        return content


def _families(entries: Any) -> dict[int, list[str]]:
    found = {}
    for family in entries.values():
        number = int(family.attrs["NUM"])
        names = family["GRO/NOM"][()] if "GRO" in family else []
        texts = [bytes(np.asarray(name).astype(np.uint8)).decode("utf-8", "replace") for name in names]
        found[number] = [tag_name(text, number) for text in texts]
    return found
