"""Meshes of the unit square and cube in every kind of cell, their points numbered at random."""

from __future__ import annotations

import itertools

import numpy as np

from pinnkit.geometry.elements import ELEMENTS
from pinnkit.geometry.mesh import Mesh, MixedMesh
from pinnkit.geometry.simplices import simplices


def outer_facets(cells, kind):
    """Facets of one cell each, by their nodes."""
    element = ELEMENTS[kind]
    sides = cells[:, np.array(element.facets)].reshape(-1, len(element.facets[0]))
    corners = np.sort(sides[:, : ELEMENTS[element.facet].corners], axis=1)
    _, first, count = np.unique(corners, axis=0, return_index=True, return_counts=True)
    return sides[np.sort(first[count == 1])]


def lattice(kind, n, seed=0):
    """n cells along each axis; the boundary at x = 0 is "low", else "rest"; cells below x = 1/n "half"."""
    element = ELEMENTS[kind]
    d, step = element.dimension, 1 if element.flat else 2
    axis = np.linspace(0, 1, step * n + 1)
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    number = np.arange(len(points)).reshape((len(axis),) * d)
    starts = list(itertools.product(range(n), repeat=d))
    offsets = (np.array(element.nodes) * step).astype(int)
    cells = np.array([[number[tuple(step * np.array(at) + o)] for o in offsets] for at in starts])
    used = np.unique(cells)
    renumber = np.zeros(len(points), int)
    renumber[used] = np.random.default_rng(seed).permutation(len(used))
    placed = np.empty((len(used), d))
    placed[renumber[used]] = points[used]
    cells = renumber[cells]
    facets = outer_facets(cells, kind)
    low = np.all(placed[facets, 0] < 1e-12, axis=1)
    half = np.flatnonzero(np.array(starts)[:, 0] == 0)
    return Mesh(placed, cells, kind, {"low": facets[low], "rest": facets[~low]}, subdomains={"half": half})


def mixed_cube(seed=0):
    """Four unit cubes in a row: a hexahedron, two wedges, five pyramids, and tetrahedra for the rest."""
    grid = np.array(list(itertools.product(range(5), (0, 1), (0, 1))), float)
    points = np.vstack([grid, [(2.5, 0.5, 0.5)]])
    number = {tuple(p): i for i, p in enumerate(points)}

    def cube(k):
        return [number[(x + k, y, z)] for x, y, z in ELEMENTS["hexahedron"].nodes]

    h, w, p, t = (cube(k) for k in range(4))
    wedges = [[w[0], w[1], w[3], w[4], w[5], w[7]], [w[1], w[2], w[3], w[5], w[6], w[7]]]
    centre = number[(2.5, 0.5, 0.5)]
    pyramids = [[p[i] for i in face[:4]] + [centre] for face in ELEMENTS["hexahedron"].facets]
    # The face towards the tetrahedra is cut as they are.
    towards = next(n for n, cell in enumerate(pyramids) if np.all(points[cell[:4], 0] == 3))
    cut = pyramids.pop(towards)
    order = np.random.default_rng(seed).permutation(len(points))
    placed = np.empty_like(points)
    placed[order] = points
    parts = [(order[np.array([t])], "hexahedron"), (order[np.array([cut])], "pyramid")]
    tetra = np.vstack([np.unique(c)[simplices(Mesh(placed, c, kind, {})).cells] for c, kind in parts])
    cells = {
        "hexahedron": order[np.array([h])], "wedge": order[np.array(wedges)],
        "pyramid": order[np.array(pyramids)], "tetra": tetra,
    }  # fmt: skip
    blocks = []
    for kind, rows in cells.items():
        facets = rows[:, np.array(ELEMENTS[kind].facets)].reshape(-1, len(ELEMENTS[kind].facets[0]))
        lower, upper = placed[facets].min(axis=1), placed[facets].max(axis=1)
        ends = np.array([(0, 0, 0), (4, 1, 1)])
        outer = np.any((upper == ends[0]) | (lower == ends[1]), axis=1)
        subdomains = {kind: np.arange(len(rows))}
        blocks.append(Mesh(placed, rows, kind, {"all": facets[outer]}, subdomains=subdomains))
    return MixedMesh(tuple(blocks))
