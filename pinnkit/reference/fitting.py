"""Meshes fitted to interfaces, one level set after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from .base import ReferenceUnavailable
from .cutting import Crossing, bisected_roots, cut, named_along, with_near_vertices_moved
from .elements import Array
from .improve import improved, shape
from .interfaces import Interfaces, LevelSet
from .mesh import FiniteMesh
from .refine import halved_where
from .settling import settled, straightened
from .snapping import Carrier

# Cells are halved until the level set turns by less than 35° within one.
_LEAST_COSINE = np.cos(np.radians(35))
_ROUNDS, _SPLINTER_ROUNDS, _MENDINGS = 7, 4, 3
# Of the shape of an equilateral triangle.
_FLATTEST = 0.01
_ON = 1e-9
_NEAR = 0.3
_SAMPLES_PER_LINE = 4096


def fitted(
    mesh: FiniteMesh, interfaces: Interfaces, carriers: Sequence[Carrier], periodic: Sequence[int]
) -> tuple[FiniteMesh, tuple[str, ...]]:
    """A mesh whose cells end at the interfaces, as far as that can be, and notes that say how far."""
    notes = [
        f"the mesh does not follow {condition} = 0, which moves: the error bar shrinks slowly there"
        for condition in interfaces.moving
    ]
    levels, count, left = interfaces.fixed, 0, ()
    if levels and mesh.dimension == 1:
        mesh, count = fitted_line(mesh, levels)
    elif levels and mesh.dimension == 2:
        mesh, left = fitted_triangles(mesh, levels, carriers, lambda new: _matching(new, periodic))
        count = sum(level.name in mesh.boundaries for level in levels)
    elif levels:
        mesh, left = _small_at(mesh, levels)
    if count:
        notes.append(f"mesh fitted to {count} interface{'s' if count > 1 else ''}")
    notes += [
        f"the mesh is not fitted to {level.text}, only finer there: the error bar shrinks slowly"
        for level in left
    ]
    return replace(mesh, periodic=tuple(periodic)), tuple(notes)


def _matching(mesh: FiniteMesh, periodic: Sequence[int]) -> bool:
    """Whether opposite sides along the ``periodic`` axes hold the same vertices."""
    near = 1e-9 * mesh.extent
    for axis in periodic:
        ends = mesh.points[:, axis].min(), mesh.points[:, axis].max()
        low, high = (np.delete(mesh.points[np.abs(mesh.points[:, axis] - e) < near], axis, 1) for e in ends)
        if len(low) != len(high) or np.abs(np.sort(low, axis=0) - np.sort(high, axis=0)).max() > near:
            return False
    return True


def _small_at(mesh: FiniteMesh, levels: Sequence[LevelSet]) -> tuple[FiniteMesh, tuple[LevelSet, ...]]:
    """Cells that level sets cross halved once, and the level sets that cross any."""
    crossing = []
    for level in levels:
        sign = np.sign(level.values(mesh.points[mesh.cells])[0])
        crossed = (sign.min(axis=1) < 0) & (sign.max(axis=1) > 0)
        if crossed.any():
            crossing.append(level)
            mesh = halved_where(mesh, crossed)
    return mesh, tuple(crossing)


def fitted_line(mesh: FiniteMesh, levels: Sequence[LevelSet]) -> tuple[FiniteMesh, int]:
    """A line mesh with a vertex at every zero of the level sets within, and how many there are."""
    grid = mesh.points[:, 0]
    parts = max(8, _SAMPLES_PER_LINE // len(mesh.cells))
    fine = np.append((grid[:-1, None] + np.diff(grid)[:, None] * np.arange(parts) / parts).ravel(), grid[-1])
    roots = np.unique(np.concatenate([_roots(level, fine) for level in levels]))
    inside = (roots > grid[0] + _ON * mesh.extent) & (roots < grid[-1] - _ON * mesh.extent)
    roots = roots[inside]
    roots = roots[np.append(True, np.diff(roots) > _ON * mesh.extent)[: len(roots)]]
    gap = np.minimum(np.diff(grid)[:-1], np.diff(grid)[1:])
    near = (np.abs(grid[1:-1, None] - roots) < _NEAR * gap[:, None]).any(axis=1)
    points = np.sort(np.concatenate([grid[:1], grid[1:-1][~near], grid[-1:], roots]))
    cells = np.stack([np.arange(len(points) - 1), np.arange(1, len(points))], axis=1)
    last = len(grid) - 1
    names = {n: np.where(f == last, len(points) - 1, f) for n, f in mesh.boundaries.items()}
    return FiniteMesh(points[:, None], cells, None, names), len(roots)


def _roots(level: LevelSet, grid: Array) -> Array:
    sign = np.sign(level.values(grid[:, None])[0])
    jumps = np.flatnonzero(sign[:-1] * sign[1:] < 0)
    crossing = bisected_roots(
        level, lambda s: ((1 - s) * grid[jumps] + s * grid[jumps + 1])[:, None], sign[jumps]
    )
    between = (1 - crossing) * grid[jumps] + crossing * grid[jumps + 1]
    return np.concatenate([between, grid[sign == 0]])


def fitted_triangles(
    mesh: FiniteMesh,
    levels: Sequence[LevelSet],
    carriers: Sequence[Carrier],
    fits: Callable[[FiniteMesh], bool],
) -> tuple[FiniteMesh, tuple[LevelSet, ...]]:
    """A triangle mesh with edges along the level sets, named after them, and those that it could not follow.

    A level set is left out where cells along it would be flat or folded, or where ``fits`` says that the mesh
    no longer does; cells are small there all the same.
    """
    left = []
    for level in levels:
        fine = _resolved(mesh, level, bool(carriers))
        new = _settled_along(fine, level, levels, carriers)
        for _ in range(_MENDINGS):
            tight = straightened(new, level) if new is not None else np.empty(0)
            if not tight.size:
                break
            gaps = np.linalg.norm(fine.points[fine.cells].mean(axis=1)[:, None] - tight, axis=2)
            fine = halved_where(fine, (gaps < fine.sizes[:, None]).any(axis=1))
            new = _settled_along(fine, level, levels, carriers)
        if new is not None and shape(new.points[new.cells]).min() > _FLATTEST and fits(new):
            mesh = new
        else:
            left.append(level)
            mesh = fine if fits(fine) else mesh
    return mesh, tuple(left)


def _settled_along(
    mesh: FiniteMesh, level: LevelSet, levels: Sequence[LevelSet], carriers: Sequence[Carrier]
) -> FiniteMesh | None:
    """The mesh with edges along a level set; None where cells would be inside out."""
    try:
        return settled(_along(mesh, level, carriers), levels, carriers)
    except ReferenceUnavailable:
        return None


def _along(mesh: FiniteMesh, level: LevelSet, carriers: Sequence[Carrier]) -> FiniteMesh:
    moved = with_near_vertices_moved(Crossing(mesh, level, bool(carriers)))
    parted = named_along(cut(Crossing(moved, level, bool(carriers))), level)
    return improved(parted) if level.name in parted.boundaries else mesh


def _resolved(mesh: FiniteMesh, level: LevelSet, slide_on_curves: bool) -> FiniteMesh:
    """Cells halved until the level set runs through each almost straight, and cuts off no splinters."""
    for step in range(_ROUNDS + _SPLINTER_ROUNDS):
        marked = _unresolved(mesh, level) if step < _ROUNDS else np.zeros(len(mesh.cells), bool)
        if not marked.any():
            marked = Crossing(mesh, level, slide_on_curves).stuck
        if not marked.any():
            break
        mesh = halved_where(mesh, marked)
    return mesh


def _unresolved(mesh: FiniteMesh, level: LevelSet) -> np.ndarray:
    """Cells (m,) that the level set enters and leaves by one edge, lies within, or turns in."""
    ticks = np.arange(5) / 4
    a, b = (g.ravel() for g in np.meshgrid(ticks, ticks, indexing="ij"))
    lattice = np.stack([a, b])[:, a + b <= 1 + 1e-12]
    value, slope = level.values(mesh.map(np.arange(len(mesh.cells)), lattice))
    sign = np.where(np.abs(value) <= _ON * mesh.extent * np.linalg.norm(slope, axis=-1), 0, np.sign(value))
    touched = (sign.min(axis=1) < 0) & (sign.max(axis=1) > 0)
    corners = [int(np.flatnonzero((c == lattice.T).all(axis=1))[0]) for c in ([0, 0], [1, 0], [0, 1])]
    own = sign[:, corners]
    within = (sign.min(axis=1) < np.minimum(own.min(axis=1), 0)) | (
        sign.max(axis=1) > np.maximum(own.max(axis=1), 0)
    )
    for line in (lattice[1] == 0, lattice[0] == 0, np.isclose(lattice.sum(axis=0), 1)):
        along = sign[:, line]
        steps = along[:, 1:] * along[:, :-1]
        within |= (steps < 0).sum(axis=1) + (along[:, 1:-1] == 0).sum(axis=1) > 1
    with np.errstate(all="ignore"):
        direction = slope / np.linalg.norm(slope, axis=-1, keepdims=True)
    turn = np.einsum("csd,ctd->cst", direction, direction).min(axis=(1, 2))
    straight_along = within & level.straight
    return touched & ((within & ~straight_along) | ~(turn > _LEAST_COSINE))
