"""Tetrahedra: meshes, refinement, location, rates of convergence and error bars."""

from __future__ import annotations

import time
from math import factorial

import numpy as np
import pytest
import skfem
import sympy as sp
import xarray
from skfem.helpers import dot, grad

import pinnkit as pk
from pinnkit.reference import FemOptions, PointOutside, fem_reference
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.elements import nodes, quadrature, tabulate
from pinnkit.reference.fields import DiscreteField
from pinnkit.reference.integration import IntegrationSet
from pinnkit.reference.locate import Locator
from pinnkit.reference.mesh import FiniteMesh, find_edges
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.refine import halved, halved_where
from pinnkit.reference.spaces import Space, SpaceProduct

from . import solids
from .problems import errors, true_error


def shapeliness(mesh: FiniteMesh) -> float:
    """Smallest volume over the cube of the longest edge."""
    corners = mesh.points[mesh.cells]
    return float((np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / 6 / mesh.sizes**3).min())


def check(mesh: FiniteMesh, shape: pk.Shape) -> None:
    """No cell inside out, every boundary facet under one name, at most two cells beside a facet."""
    at = quadrature(3, 4)[0]
    signs = np.sign(np.linalg.det(mesh.jacobian(np.arange(len(mesh.cells)), at)))
    assert (signs == signs[:, :1]).all()
    listed = np.concatenate([mesh.boundaries[n] for n in shape.boundary_names])
    assert sorted(listed) == sorted(mesh.boundary_facets)
    assert np.bincount(mesh.cell_facets.ravel()).max() == 2


@pytest.mark.parametrize("name", solids.SHAPES)
def test_two_levels_of_a_solid(name):
    shape = solids.SHAPES[name]
    meshes = Meshes(shape, 2)
    mesh = meshes.first(float(np.ptp(np.array(shape.bounds), axis=0).max()) / 6)
    gaps, quality = [], []
    for _ in range(2):
        check(mesh, shape)
        gaps.append(abs(mesh.measure / shape.measure - 1))
        quality.append(shapeliness(mesh))
        mesh = meshes.finer(mesh, 1.0)
    # Of fourth order where the boundary bends.
    assert gaps[1] <= max(gaps[0] / 8, 1e-12)
    assert quality[1] >= quality[0] / 4


def test_nodes_of_a_refined_ball_lie_on_the_sphere():
    meshes = Meshes(solids.BALL, 2)
    mesh = meshes.finer(meshes.first(0.7), 0.35)
    rim = mesh.facets[mesh.boundary_facets]
    assert np.linalg.norm(mesh.points[np.unique(rim)], axis=1) == pytest.approx(1, abs=1e-14)
    edges = find_edges(mesh, np.concatenate([rim[:, [0, 1]], rim[:, [1, 2]], rim[:, [0, 2]]]))
    assert np.linalg.norm(mesh.middles[edges], axis=1) == pytest.approx(1, abs=1e-14)


def test_edges_and_facets_are_numbered_as_in_scikit_fem():
    mesh = Meshes(solids.CUBE, 2).first(0.5)
    theirs = mesh.topology
    np.testing.assert_array_equal(mesh.facets, theirs.facets.T)
    np.testing.assert_array_equal(mesh.cell_facets, theirs.t2f.T)
    np.testing.assert_array_equal(mesh.edges, theirs.edges.T)
    np.testing.assert_array_equal(mesh.cell_edges, theirs.t2e.T)


def test_children_of_kuhn_cells_keep_their_shape():
    mesh = Meshes(solids.CUBE, 2).first(0.5)
    assert shapeliness(halved(halved(mesh))) == pytest.approx(shapeliness(mesh))
    # No cell has all its vertices on the boundary, where a velocity of degree two would leave nothing free.
    outer = np.isin(mesh.cells, np.unique(mesh.facets[mesh.boundary_facets]))
    assert not outer.all(axis=1).any()


@pytest.mark.parametrize("name", ["cube", "holes"])
def test_local_refinement_keeps_measure_names_and_shapes(name):
    shape = solids.SHAPES[name]
    meshes = Meshes(shape, 2)
    mesh = start = meshes.first(0.25)
    for k in range(3):
        near = np.linalg.norm(mesh.points[mesh.cells].mean(axis=1) - [0.3, 0.3, 0.5], axis=1) < 0.2 / 2**k
        fine = halved_where(mesh, near)
        check(fine, shape)
        assert fine.measure == pytest.approx(mesh.measure, abs=1e-13)
        assert fine.sizes.min() <= 0.6 * mesh.sizes[near].min()
        mesh = fine
    assert shapeliness(mesh) >= shapeliness(start) / 5
    assert len(mesh.cells) < 12 * len(start.cells)


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_polynomials_of_the_degree_are_met_on_tetrahedra(degree):
    """Neighbours agree on every shared degree of freedom, or the sum of shapes would jump."""
    mesh = Meshes(solids.HOLES, degree).first(0.5)
    mesh = FiniteMesh(mesh.points, mesh.cells)
    space = Space.on(mesh, degree)
    at = space.positions
    points = mesh.map(np.arange(len(mesh.cells)), quadrature(3, 3)[0]).reshape(-1, 3)
    coefficients = (at @ [1.0, 0.5, -0.3]) ** degree
    found = DiscreteField(("u",), SpaceProduct((space,)), coefficients=coefficients).evaluate(points)["u"]
    np.testing.assert_allclose(found, (points @ [1.0, 0.5, -0.3]) ** degree, atol=1e-12)
    assert space.size == len(np.unique(np.round(at, 9), axis=0))


@pytest.mark.parametrize("degree", [3, 4])
def test_lattice_elements_are_nodal(degree):
    table = tabulate(3, degree, np.ascontiguousarray(nodes(3, degree).T))
    np.testing.assert_allclose(table[..., 0], np.eye(len(table)), atol=1e-11)
    middle, step = np.array([[0.2], [0.3], [0.1]]), 1e-6
    for axis in range(3):
        shift = step * np.eye(3)[:, [axis]]
        ahead, behind = (tabulate(3, degree, middle + s * shift)[..., 0] for s in (1, -1))
        found = tabulate(3, degree, middle)[..., 1 + axis]
        np.testing.assert_allclose(found, (ahead - behind) / (2 * step), atol=1e-7)


@pytest.mark.parametrize("order", range(1, 11))
def test_rules_are_exact_and_those_of_low_order_positive(order):
    """Of scikit-fem's tables, those from the fifth order on are not what they say."""
    points, weights = quadrature(3, order)
    for powers in np.ndindex(*(order + 1,) * 3):
        if sum(powers) <= order:
            exact = np.prod([float(factorial(a)) for a in powers]) / factorial(sum(powers) + 3)
            assert np.prod(points.T**powers, axis=1) @ weights == pytest.approx(exact, rel=1e-12)
    assert order > 6 or weights.min() > 0


@pytest.mark.parametrize(("shape", "degree"), [("cube", 1), ("cube", 2), ("cube", 3), ("ball", 2)])
def test_rates(shape, degree):
    problem = solids.poisson(solids.SHAPES[shape])
    meshes, system = Meshes(problem.domain, degree), derive(problem)
    mesh = meshes.first(0.5)
    for _ in range(2 if degree == 1 else 1):
        mesh = meshes.finer(mesh, 1.0)
    found = []
    for fine in (mesh, meshes.finer(mesh, 1.0)):
        found.append(errors(Discretisation(system, fine, degree).solve(), problem, "u"))
    rates = np.log2(np.array(found[0]) / np.array(found[1]))
    assert rates[0] >= degree + 0.85
    assert rates[1] >= degree - 0.1


def test_against_a_hand_written_form():
    problem = pk.manufactured("screened", solids.CUBE, [-pk.laplacian(solids.u) + solids.u], {solids.u: 1})
    found = Discretisation(derive(problem), Meshes(solids.CUBE, 2).first(0.5), 2)
    basis = skfem.Basis(found.mesh.topology, skfem.ElementTetP2(), intorder=4)
    matrix = skfem.BilinearForm(lambda u, v, _: dot(grad(u), grad(v)) + u * v).assemble(basis)
    own = found.assembler.jacobian(0.0, (np.zeros(found.assembler.size),))[0]
    assert abs(own - matrix).max() <= 1e-12 * abs(matrix).max()


def test_fluxes_through_curved_faces():
    """∮ x·n = 3 |Ω| on a curved mesh, exactly, and every normal has length one."""
    mesh = Meshes(solids.HOLES, 2).first(0.3)
    total = 0.0
    for part in IntegrationSet.of_facets(mesh, mesh.boundary_facets, 6):
        assert np.linalg.norm(part.normals, axis=2) == pytest.approx(1)
        total += float((np.einsum("cqd,cqd->cq", part.points, part.normals) * part.weights).sum())
    assert total == pytest.approx(3 * mesh.measure, rel=1e-12)


def test_points_of_a_solid_are_found_fast_and_exactly():
    meshes = Meshes(solids.HOLES, 2)
    mesh = meshes.finer(meshes.first(0.2), 0.1)
    points = np.random.default_rng(0).random((130_000, 3))
    points = points[solids.HOLES.contains(points)][:100_000]
    locator = Locator(mesh)
    locator.locate(points[:10])
    began = time.perf_counter()
    cells, reference = locator.locate(points)
    assert time.perf_counter() - began <= 3  # 1 s on a core of its own
    back = np.concatenate([mesh.map(cells[i : i + 1], r[:, None])[0] for i, r in enumerate(reference[:300])])
    np.testing.assert_allclose(back, points[:300], atol=1e-10)
    assert min(reference.min(), (1 - reference.sum(axis=1)).min()) >= -1e-2
    rng = np.random.default_rng(1)
    locator.locate(np.concatenate([p.sample(rng.random((500, 2)))[0] for p in solids.HOLES.pieces()]))
    with pytest.raises(PointOutside):
        locator.locate(np.array([[0.3, 0.3, 0.3]]))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_opposite_sides_of_a_periodic_cube_are_one(degree):
    mesh = Meshes(solids.CUBE, degree, (0, 1, 2)).first(0.25)
    assert Space.on(mesh, degree, (0, 1, 2)).size == (4 * degree) ** 3


def test_rates_of_a_periodic_problem():
    x, y, z = solids.x, solids.y, solids.z
    exact = {solids.u: sp.sin(2 * sp.pi * x) + sp.cos(2 * sp.pi * (y + z))}
    problem = pk.manufactured("p", solids.CUBE, [-pk.laplacian(solids.u) + solids.u], exact, "periodic")
    system, meshes = derive(problem), Meshes(problem.domain, 2, (0, 1, 2))
    found = [
        errors(Discretisation(system, meshes.first(size), 2).solve(), problem, "u")
        for size in (1 / 8, 1 / 16)
    ]
    rates = np.log2(np.array(found[0]) / np.array(found[1]))
    assert rates[0] >= 2.85
    assert rates[1] >= 1.9


@pytest.mark.parametrize(
    ("problem", "size"),
    [
        (solids.poisson(solids.CUBE), 0.25), (solids.mixed(), 0.5), (solids.nonlinear(), 0.25),
        (solids.elasticity(), 0.5), (solids.heat(), 0.5), (solids.wave(), 0.5),
    ],
    ids=lambda p: getattr(p, "name", ""),
)  # fmt: skip
def test_bar_over_truth(problem, size):
    reference = fem_reference(problem, FemOptions(size=size), tolerance=1e-2)
    for name, error in true_error(reference, problem).items():
        assert error <= reference.error_bar[name] <= 5 * error, name


def test_the_dataset_of_a_solid(tmp_path):
    reference = fem_reference(solids.mixed(), FemOptions(size=0.5), tolerance=0.1)
    reference.to_dataset().to_netcdf(tmp_path / "reference.nc", engine="h5netcdf")
    mesh = reference.solution.product.mesh
    with xarray.open_dataset(tmp_path / "reference.nc", engine="h5netcdf") as stored:
        assert stored.mesh.attrs["topology_dimension"] == 3
        assert stored.mesh.attrs["volume_node_connectivity"] == "mesh_cells"
        np.testing.assert_array_equal(stored.mesh_cells, mesh.cells)
        np.testing.assert_array_equal(stored.mesh_edges, mesh.edges)
        np.testing.assert_array_equal(stored.mesh_edge_nodes, mesh.edge_nodes)
        nodes_ = np.column_stack([stored.x, stored.y, stored.z])
        np.testing.assert_allclose(stored.u, reference.evaluate(nodes_)["u"], atol=1e-10)


def test_a_cached_solid_comes_back_exactly(tmp_path):
    options = FemOptions(size=0.5)
    first, second = (fem_reference(solids.mixed(), options, 0.1, cache=tmp_path) for _ in range(2))
    points = np.random.default_rng(0).random((500, 3))
    points = points[solids.HOLES.contains(points)]
    np.testing.assert_array_equal(first.evaluate(points)["u"], second.evaluate(points)["u"])
