"""Finite elements on mesh files of every kind of cell."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import FemOptions, fem_reference

from .mesh_writers import gmsh_four
from .test_mesh_formats import example


@pytest.mark.parametrize("kind", ["triangle6", "quad", "quad8", "quad9", "tetra10", "hexahedron", "mixed"])
def test_cells_of_any_kind_reproduce_a_polynomial(kind, tmp_path):
    # Straight cells hold the polynomial itself; on curved ones the map bends it.
    mesh = example(kind)
    (tmp_path / "a.msh").write_bytes(gmsh_four(mesh))
    names = "x y z"[: 2 * mesh.dimension - 1]
    space = pk.coordinates(names)
    u = pk.unknown("u", *space)
    exact = sum(s**2 for s in space) + space[0] * space[1]
    domain = pk.MeshFile(tmp_path / "a.msh")
    (first, *rest) = domain.boundary_names
    problem = pk.Problem(
        name="polynomial",
        domain=domain,
        equations=[sp.Eq(-pk.laplacian(u), -2 * len(space))],
        conditions=[pk.Dirichlet(u, exact, where=first)]
        + [pk.Neumann(u, sum(pk.normal(s) * sp.diff(exact, s) for s in space), where=name) for name in rest],
    )
    reference = fem_reference(problem, FemOptions(degree=2, max_dofs=30_000), 1e-2)
    points = np.random.default_rng(0).random((200, mesh.dimension))
    truth = sp.lambdify(space, exact)(*points.T)
    assert reference.evaluate(points)["u"] == pytest.approx(truth, abs=1e-9)
    cut = "cut into simplices" in " ".join(reference.notes)
    assert cut == (kind not in ("triangle6", "tetra10"))


def test_curved_cells_of_a_file_hold_their_order(tmp_path):
    from pinnkit.geometry.mesh import Mesh

    mesh = example("quad9")
    r, angle = 1 + mesh.points[:, 0], np.pi / 2 * mesh.points[:, 1]
    ring = Mesh(np.column_stack([r * np.cos(angle), r * np.sin(angle)]), mesh.cells, "quad9", mesh.facets)
    (tmp_path / "a.msh").write_bytes(gmsh_four(ring))
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    exact = sp.log(x**2 + y**2)
    problem = pk.Problem(
        name="ring", domain=pk.MeshFile(tmp_path / "a.msh"), equations=[sp.Eq(-pk.laplacian(u), 0)],
        conditions=[pk.Dirichlet(u, exact, where="boundary")],
    )  # fmt: skip
    reference = fem_reference(problem, FemOptions(max_dofs=20_000), 1e-4)
    points = np.random.default_rng(0).random((200, 2))
    r, angle = 1.1 + 0.8 * points[:, 0], np.pi / 2 * (0.1 + 0.8 * points[:, 1])
    points = np.column_stack([r * np.cos(angle), r * np.sin(angle)])
    truth = np.log(np.sum(points**2, axis=1))
    assert np.abs(reference.evaluate(points)["u"] - truth).max() < 1e-6


def test_the_gear_and_the_disk_of_the_acceptance_cases(cases):
    # The files' own solutions are good to 1.5e-3 and 7.6e-4.
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    eps = (sp.sin(x) + sp.cos(y)) / 2
    gear = -pk.laplacian(u) + sp.diff(u, x) / 10 - 50 * sp.sin(x) - sp.cos(x)
    disk = -pk.div(eps * pk.grad(u)) + sp.diff(u, x) - 10
    for file, data, equation, floor in (
        ("gear.mesh", "fem_output_gear_forward_sin.csv", gear, 1.6e-3),
        ("circle_quad.mesh", "fem_output_circle2.csv", disk, 8e-4),
    ):
        domain = pk.MeshFile(cases / "data/fastvpinns" / file)
        problem = pk.Problem("case", domain, [equation], [pk.Dirichlet(u, 0, where="boundary")])
        reference = fem_reference(problem, FemOptions(), 1e-2)
        x_y_u = np.genfromtxt(cases / "data/fastvpinns" / data, delimiter=",")[:, :3]
        found = reference.evaluate(x_y_u[:, :2])["u"]
        assert np.linalg.norm(found - x_y_u[:, 2]) / np.linalg.norm(x_y_u[:, 2]) < floor
        assert reference.error_bar["u"] < 1e-3
