"""Structured meshes of intervals, rectangles and boxes, the same on opposite sides."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations, product

import numpy as np

from .boxes import Box, Interval, Rectangle
from .elements import ELEMENTS
from .mesh import Mesh, ascending


def right_triangles(shape: Rectangle | Box, size: float) -> Mesh:
    """Right triangles whose diagonals run towards the corners, so that none has two edges on the boundary."""
    lower, upper = shape.bounds
    nx, ny = (2 * int(np.ceil(side / (2 * size) - 1e-9)) for side in upper - lower)
    x, y = np.linspace(lower[0], upper[0], nx + 1), np.linspace(lower[1], upper[1], ny + 1)
    points = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    number = np.arange(len(points)).reshape(nx + 1, ny + 1)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    rising = (np.arange(nx)[:, None] < nx // 2) == (np.arange(ny) < ny // 2)
    first = np.where(rising[..., None], np.stack([a, b, c], -1), np.stack([a, b, d], -1))
    second = np.where(rising[..., None], np.stack([a, c, d], -1), np.stack([b, c, d], -1))
    cells = ascending(np.concatenate([first.reshape(-1, 3), second.reshape(-1, 3)]))
    facets: dict[str, list[np.ndarray]] = {}
    for name, line in zip(shape.names, (number[0], number[-1], number[:, 0], number[:, -1]), strict=True):
        facets.setdefault(name, []).append(np.column_stack([line[:-1], line[1:]]))
    return Mesh(points, cells, "triangle", {name: np.vstack(lines) for name, lines in facets.items()})


def kuhn_tetrahedra(shape: Box, size: float) -> Mesh:
    """Six tetrahedra in every brick, around the diagonal that runs from the box's nearest corner.

    H. W. Kuhn, "Some combinatorial lemmas in topology", IBM J. Res. Dev. 4, 1960. Bricks are mirrored about
    the middle of the box, so that no tetrahedron has all its vertices on the boundary.
    """
    lower, upper = shape.bounds
    counts = [2 * int(np.ceil(side / (2 * size) - 1e-9)) for side in upper - lower]
    axes = [np.linspace(a, b, n + 1) for a, b, n in zip(lower, upper, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    number = np.arange(len(points)).reshape([n + 1 for n in counts])
    brick = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), axis=-1).reshape(-1, 3)
    mirrored = brick >= np.array(counts) // 2
    start, step = brick + mirrored, np.where(mirrored, -1, 1)
    cells = []
    for order in permutations(range(3)):
        path = [start]
        for axis in order:
            path.append(path[-1] + step * np.eye(3, dtype=int)[axis])
        cells.append(np.column_stack([number[tuple(place.T)] for place in path]))
    found = ascending(np.concatenate(cells))
    facets: dict[str, list[np.ndarray]] = {}
    sides = np.concatenate([np.delete(found, left_out, axis=1) for left_out in range(4)])
    for place, name in enumerate(shape.names):
        axis, end = divmod(place, 2)
        on_side = (points[sides][..., axis] == axes[axis][-end]).all(axis=1)
        facets.setdefault(name, []).append(sides[on_side])
    named = {name: np.vstack(parts) for name, parts in facets.items()}
    return Mesh(points, found, "tetra", named)


def bricks(shape: Interval | Rectangle | Box, counts: Sequence[int]) -> Mesh:
    """``counts`` equal cells along each axis: lines, rectangles or bricks."""
    kind = {1: "line", 2: "quad", 3: "hexahedron"}[shape.dimension]
    element = ELEMENTS[kind]
    axes = [np.linspace(a, b, n + 1) for a, b, n in zip(*shape.bounds, counts, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, shape.dimension)
    number = np.arange(len(points)).reshape([n + 1 for n in counts])
    first = np.array(list(product(*map(range, counts))))
    corners = np.array(element.nodes, int)[: element.corners]
    cells = number[tuple(np.moveaxis(first[:, None] + corners, -1, 0))]
    sides = [list(side[: element.corners // 2]) for side in element.facets]
    facets: dict[str, list[np.ndarray]] = {}
    for place, name in enumerate(shape.names):
        axis, end = divmod(place, 2)
        outer = cells[first[:, axis] == end * (counts[axis] - 1)]
        side = next(s for s in sides if np.all(corners[s, axis] == end))
        facets.setdefault(name, []).append(outer[:, side])
    return Mesh(points, cells, kind, {name: np.vstack(parts) for name, parts in facets.items()})
