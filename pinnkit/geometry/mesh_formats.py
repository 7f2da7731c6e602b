"""Mesh files into ``FileContent``: exodus and MED by themselves, all others through meshio."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .errors import GeometryError
from .exodus import read_exodus
from .file_content import FileContent
from .gmsh_groups import GmshGroups, split_groups
from .med import read_med

FORMATS = ".msh (2.2 or 4.1), .vtu, .vtk, .xdmf, .e or .exo (exodus), .med, .mesh or .meshb (MEDIT), .inp"

# Cell data that carry group numbers, by the formats' and their usual writers' conventions.
TAGS = (
    "gmsh:physical", "medit:ref", "cell_tags", "facet_tags", "mesh_tags", "name_to_read", "CellEntityIds",
    "EntityIds", "MaterialIDs", "avsucd:material",
)  # fmt: skip
# Numbers that formats hold beside the groups.
_OTHER = ("gmsh:geometrical", "gmsh:dim_tags", "GlobalElementId", "vtkGhostType", "ObjectId")
# What meshio prints, and goes on, where a file ends too soon.
_CUT_OFF = ("not closed by", "End-of-file reached")
_JOINTS = ("-", "_", "#", "+", "/")


def read_content(file: Path) -> FileContent:
    """The points, cells and names in a file.

    Raises ``GeometryError`` with the reason where it cannot be read: truncated, empty, of another format.
    """
    if not file.stat().st_size:
        raise GeometryError(
            f"mesh file {str(file)!r} is empty", expected="points and cells", mend="write the file again"
        )
    readers: dict[str, Callable[[Path], FileContent]] = {
        ".e": read_exodus, ".exo": read_exodus, ".ex2": read_exodus, ".med": read_med, ".msh": _read_gmsh,
        ".mesh": _read_medit, ".xdmf": _read_xdmf,
    }  # fmt: skip
    try:
        return readers.get(file.suffix.lower(), lambda path: _content(_read(path)))(file)
    # Readers of other people's formats fail on rubbish in every way there is.
    except Exception as error:
        reason = str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"
        raise GeometryError(
            f"mesh file {str(file)!r} cannot be read: {reason}",
            expected=f"a whole mesh in the form {FORMATS}", mend="write the file again, or convert it",
        ) from error  # fmt: skip


def _read(file: Path) -> Any:
    import meshio

    said = io.StringIO()
    try:
        # meshio prints its reasons and leaves the program.
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            found = meshio.read(file)
    except SystemExit:
        raise ValueError(" ".join(said.getvalue().split())) from None
    heard = " ".join(said.getvalue().split())
    if any(words in heard for words in _CUT_OFF):
        raise ValueError(f"it is cut off: {heard}")
    return found


def _read_gmsh(file: Path) -> FileContent:
    """Version 4.1 without its groups through meshio, which wants one for every cell; groups apart."""
    bare, groups = split_groups(file.read_bytes())
    if groups is None:
        return _content(_read(file))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "bare.msh"
        copy.write_bytes(bare)
        raw = _read(copy)
    content = FileContent(np.asarray(raw.points, float), [(b.type, b.data) for b in raw.cells])
    _by_entity(content, raw, groups)
    return content


def _by_entity(content: FileContent, raw: Any, groups: GmshGroups) -> None:
    for place, (block, entities) in enumerate(
        zip(raw.cells, raw.cell_data.get("gmsh:geometrical", ()), strict=True)
    ):
        for entity in np.unique(entities).tolist():
            for name in groups.of(block.dim, entity):
                content.add(name, place, np.flatnonzero(entities == entity))


def _read_medit(file: Path) -> FileContent:
    # Of a file that ends between two lists of cells meshio says nothing.
    if "End" not in file.read_bytes()[-200:].decode("ascii", "replace").split():
        raise ValueError("it is cut off: it does not close with the keyword End")
    return _content(_read(file))


def _read_xdmf(file: Path) -> FileContent:
    try:
        return _content(_read(file))
    except KeyError as error:
        raise ValueError(
            f"it holds cells of XDMF's kind {error} among others, which are read where all cells are of one "
            "kind; write .vtu"
        ) from None


def _content(raw: Any) -> FileContent:
    """What meshio has read; groups are its cell sets, else the first cell data that are numbers of groups."""
    content = FileContent(np.asarray(raw.points, float), [(b.type, b.data) for b in raw.cells])
    sets = {name: rows for name, rows in raw.cell_sets.items() if not name.startswith("gmsh:")}
    for name, members in sets.items():
        if len(members) != len(raw.cells):
            content.notes.append(f"set {name!r} of the mesh file names other sets; it was left out")
            continue
        for block, rows in enumerate(members):
            if rows is not None:
                content.add(name, block, np.asarray(rows))
    content.point_sets = {name: np.asarray(rows, np.int64) for name, rows in raw.point_sets.items()}
    if not sets:
        _add_numbered(content, raw)
    return content


def _add_numbered(content: FileContent, raw: Any) -> None:
    whole = [key for key, data in raw.cell_data.items() if _whole(data) and key not in _OTHER]
    known = [key for key in TAGS if key in whole]
    joined = {key: names for key in whole if (names := _joined(key, raw.cell_data[key]))}
    key = next(iter([*known, *joined, *whole]), None)
    if key is None:
        return
    if not known and not joined:
        content.notes.append(f"cell data {key!r} of the mesh file are taken for numbers of groups")
    left = [other for other in whole if other != key]
    if left:
        content.notes.append(f"cell data {', '.join(map(repr, left))} of the mesh file name no groups")
    labels = {
        (int(of), int(tag)): name
        for name, (tag, of) in raw.field_data.items()
        if np.size(raw.field_data[name]) == 2
    }
    for place, (block, tags) in enumerate(zip(raw.cells, raw.cell_data[key], strict=True)):
        tags = np.asarray(tags).astype(int).ravel()
        if key in joined:
            names = {number: [name] for number, name in enumerate(joined[key])} | {-1: []}
        else:
            names = {tag: [name] for (of, tag), name in labels.items() if of == block.dim}
        content.add_tags(place, tags, names)


def _whole(data: Any) -> bool:
    """Whether cell data are one whole number for each cell."""
    arrays = [np.asarray(part) for part in data]
    return all(a.dtype.kind in "iu" and a.size == len(a) for a in arrays) and any(a.size for a in arrays)


def _joined(key: str, data: Any) -> list[str]:
    """Names in a key that meshio made of those of cell sets, ``inlet-wall`` for 0 and 1, if it is one."""
    most = max(int(np.max(part)) for part in data if np.size(part))
    least = min(int(np.min(part)) for part in data if np.size(part))
    for joint in _JOINTS:
        names = key.split(joint)
        if len(names) > 1 and least >= -1 and most == len(names) - 1:
            return names
    return []
