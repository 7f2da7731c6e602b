"""Meshes: measures, names, curved boundaries, and refinement that keeps them."""

from __future__ import annotations

import numpy as np
import pytest

import pinnkit as pk
from pinnkit.geometry.meshing import mesh as geometry_mesh
from pinnkit.reference.elements import quadrature
from pinnkit.reference.fields import DiscreteField
from pinnkit.reference.mesh import FiniteMesh, simplex_mesh
from pinnkit.reference.meshing import Meshes, convert
from pinnkit.reference.refine import graded, halved, halved_where
from pinnkit.reference.spaces import Space, SpaceProduct

OUTER = pk.Rectangle((-0.5, -0.5), (0.5, 0.5), name="outer")
SHAPES = {
    "disk": pk.Disk((0.3, 0), 1),
    "holes": OUTER - pk.Disk((0.3, 0.3), 0.1, name="hole") - pk.Disk((-0.3, -0.3), 0.1, name="hole"),
    "ellipse": pk.Ellipse((0, 0), (2, 0.5), angle=0.4),
    "bite": OUTER - pk.Disk((0.5, 0.5), 0.3, name="bite"),
    "l": pk.Rectangle((-1, -1), (1, 1)) - pk.Rectangle((0, 0), (1, 1)),
}


def densities(mesh: FiniteMesh) -> np.ndarray:
    return np.linalg.det(mesh.jacobian(np.arange(len(mesh.cells)), quadrature(2, 6)[0]))


@pytest.mark.parametrize("name", SHAPES)
def test_three_levels_of_a_shape(name):
    shape = SHAPES[name]
    meshes = Meshes(shape, 3)
    mesh, size = meshes.first(0.25), 0.25
    gaps = []
    for _ in range(3):
        signs = np.sign(densities(mesh))
        assert (signs == signs[:, :1]).all()  # no cell is turned inside out
        listed = np.concatenate([mesh.boundaries[n] for n in shape.boundary_names])
        assert sorted(listed) == sorted(mesh.boundary_facets)  # every facet has one name
        gaps.append(abs(mesh.measure - shape.measure))
        size /= 2
        mesh = meshes.finer(mesh, size)
    straight = gaps[0] < 1e-12
    assert gaps[2] <= (1e-12 if straight else gaps[0] / 100)


def test_refined_boundary_nodes_lie_on_the_exact_curve():
    meshes = Meshes(SHAPES["disk"], 3)
    mesh = meshes.finer(meshes.first(0.5), 0.25)
    rim = mesh.boundary_facets
    for nodes in (mesh.points[np.unique(mesh.facets[rim])], mesh.edge_nodes[rim]):
        np.testing.assert_allclose(np.linalg.norm(nodes - [0.3, 0], axis=1), 1, atol=1e-14)


def test_edge_nodes_follow_their_edges_whatever_the_order_of_vertices():
    """Degree 3 on a second-order mesh whose cells list their vertices in any order."""
    source = geometry_mesh(SHAPES["disk"], 0.5)
    right = convert(source)
    rng = np.random.default_rng(0)
    shuffled = source.cells.copy()
    places = {(0, 1): 3, (1, 2): 4, (0, 2): 5}
    for row, cell in enumerate(source.cells):
        order = rng.permutation(3)
        middles = [places[tuple(sorted((order[a], order[b])))] for a, b in ((0, 1), (1, 2), (0, 2))]
        shuffled[row] = np.concatenate([cell[order], cell[middles]])
    corners, between = shuffled[:, :3], shuffled[:, 3:]
    edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    again = simplex_mesh(source.points, corners, {}, (edges, source.points[between.T.ravel()]))
    np.testing.assert_array_equal(right.edge_nodes, again.edge_nodes)


def test_vertices_that_no_cell_uses_are_dropped():
    points = np.array([[0.0, 0], [5, 5], [1, 0], [0, 1]])
    mesh = simplex_mesh(points, np.array([[3, 0, 2]]), {"side": np.array([[0, 2]])})
    assert len(mesh.points) == 3
    assert mesh.measure == pytest.approx(0.5)
    np.testing.assert_array_equal(mesh.facets[mesh.boundaries["side"]], [[0, 1]])


def test_halving_covers_curved_cells_without_gaps():
    mesh = convert(geometry_mesh(SHAPES["disk"], 0.7))
    assert halved(halved(mesh)).measure == pytest.approx(mesh.measure, abs=1e-13)


def test_local_refinement_keeps_names_curves_and_conformity():
    mesh = convert(geometry_mesh(SHAPES["bite"], 0.2))
    near = np.linalg.norm(mesh.points[mesh.cells].mean(axis=1) - [0.2, 0.5], axis=1) < 0.2
    fine = halved_where(mesh, near)
    assert len(fine.cells) > len(mesh.cells)
    assert fine.measure == pytest.approx(mesh.measure, abs=1e-12)
    listed = np.concatenate(list(fine.boundaries.values()))
    assert sorted(listed) == sorted(fine.boundary_facets)


def test_grading_reaches_the_wanted_size():
    mesh = convert(geometry_mesh(SHAPES["l"], 0.5))
    fine = graded(mesh, np.zeros(2), lambda distance: np.maximum(distance, 1e-6))
    touching = (np.abs(fine.points[fine.cells]).max(axis=2) < 1e-12).any(axis=1)
    assert fine.sizes[touching].max() <= 1e-6
    assert fine.measure == pytest.approx(3)


def test_lines_are_halved_where_marked():
    mesh = Meshes(pk.Interval(0, 1), 4).first(0.25)
    fine = halved_where(mesh, np.array([True, False, False, False]))
    np.testing.assert_allclose(fine.points[:, 0], [0, 0.125, 0.25, 0.5, 0.75, 1])
    assert fine.boundaries["right"] == [5]


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_opposite_sides_of_a_periodic_square_are_one(degree):
    meshes = Meshes(pk.Rectangle((0, 0), (1, 1)), degree, (0, 1))
    mesh = meshes.finer(meshes.first(0.25), 0.125)
    space = Space.on(mesh, degree, (0, 1))
    assert space.size == (8 * degree) ** 2
    state = np.random.default_rng(0).standard_normal(space.size)
    field = DiscreteField(("u",), SpaceProduct((space,)), coefficients=state)
    along = np.linspace(0, 1, 33)
    for axis in (0, 1):
        ends = [np.insert(along[:, None], axis, end, axis=1) for end in (0.0, 1.0)]
        left, right = (field.evaluate(e)["u"] for e in ends)
        np.testing.assert_allclose(left, right, atol=1e-12)
