"""Cells cut on their own maps: measures, named sides and the maps' bends are kept."""

from __future__ import annotations

import numpy as np
import pytest

import pinnkit as pk
from pinnkit.geometry.boxes import Box, Rectangle
from pinnkit.geometry.elements import ELEMENTS
from pinnkit.geometry.meshing import mesh
from pinnkit.geometry.structured import bricks
from pinnkit.variational.cell_sets import CellSet, as_arrays, cell_sets, from_arrays
from pinnkit.variational.cells import interior, on_side

from .gallery import KINDS, bent


def measures(cells):
    """Of the cells, and of every named side."""
    inside = interior(cells.element, cells.nodes, 4)[1].weights.sum()
    sides = {
        name: sum(
            on_side(cells.element, cells.nodes[cell : cell + 1], side, 4)[1].weights.sum()
            for cell, side in rows
        )
        for name, rows in cells.sides.items()
    }
    return inside, sides


@pytest.mark.parametrize("kind", KINDS)
def test_parts_fill_the_cell_and_its_sides(kind):
    nodes = bent(kind, 2)
    every = [(cell, side) for cell in range(2) for side in range(len(ELEMENTS[kind].facets))]
    cells = CellSet(kind, nodes, np.array([3, 4]), {"all": np.array(every), "one": np.array([[0, 1]])})
    cut = np.array([True, False])
    found = cells.refined(cut, ~cut)
    dimension = ELEMENTS[kind].dimension
    assert len(found.nodes) == 2**dimension + 1
    assert found.orders.tolist() == [5] + [3] * 2**dimension
    assert [len(found.sides["one"])] == [2 ** (dimension - 1)]
    (before, sides), (after, parts) = measures(cells), measures(found)
    np.testing.assert_allclose(after, before, rtol=1e-9)
    for name, size in sides.items():
        np.testing.assert_allclose(parts[name], size, rtol=1e-6)


@pytest.mark.parametrize(
    "found",
    [
        bricks(Rectangle((0, 0), (1, 2), names=("a", "b", "c", "c")), (2, 2)),
        bricks(Box((0, 0, 0), (1, 1, 1)), (1, 2, 1)),
        mesh(pk.Disk((0, 0), 1, name="rim"), 0.7),
    ],
    ids=["rectangle", "box", "disk"],
)
def test_a_mesh_becomes_cells_with_its_sides_and_comes_back_from_arrays(found):
    (cells,) = cell_sets(found, 4)
    inside, sides = measures(cells)
    np.testing.assert_allclose(inside, found.measure, rtol=1e-12)
    assert sides.keys() == found.facets.keys()
    for name, size in sides.items():
        np.testing.assert_allclose(size, found.facet_measures(name).sum(), rtol=1e-5)
    (again,) = from_arrays(as_arrays([cells.refined(np.arange(len(cells.orders)) < 1, cells.orders > 9)]))
    assert again.kind == cells.kind
    assert len(again.nodes) == len(cells.nodes) + 2 ** found.dimension - 1
    np.testing.assert_allclose(measures(again)[0], inside)
    assert measures(again)[1].keys() == sides.keys()
