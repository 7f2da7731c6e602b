"""What users get wrong in meshes and declarations, as hp_vpinn meets it: mended and told, or refused."""

from __future__ import annotations

import meshio
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit import DeclarationError
from pinnkit.driver.numerics import numerics
from pinnkit.geometry.errors import GeometryError

from .functions import Given, posed, rows_of, x, y

POINTS = [(0, 0, 0), (1, 0, 0), (2, 0, 0), (0, 1, 0), (1, 1, 0), (2, 1, 0)]
EXACT = sp.exp(x) * sp.cos(y)


def problem_on(path, points, cells):
    meshio.Mesh(np.array(points, float), [("quad", np.array(cells))]).write(path)
    u = pk.unknown("u", x, y)
    return pk.Problem(
        name="two", domain=pk.MeshFile(path, name="rim"), equations=[-pk.laplacian(u)],
        conditions=[pk.Dirichlet(u, EXACT, where="rim")],
    )  # fmt: skip


def test_inverted_cells_and_orphan_points_are_told_and_do_no_harm(tmp_path):
    orphan = [*POINTS, (5, 5, 0)]
    problem = problem_on(tmp_path / "a.vtu", orphan, [(0, 1, 4, 3), (1, 4, 5, 2)])
    assert any("inverted; they were turned" in note for note in problem.domain.notes)
    assert any("belong to no cell" in note for note in problem.domain.notes)
    with numerics():
        blocks = posed(problem, tests={"order": 3, "quadrature": 12})
        (rows,) = rows_of(blocks, Given(problem, {"u": EXACT})).values()
        (wrong,) = rows_of(blocks, Given(problem, {"u": EXACT + x**2})).values()
    assert rows.shape == (2, 9, 1)
    assert float(np.abs(rows).max()) < 1e-12
    assert float(np.abs(wrong).max()) > 1e-2


def test_folded_cells_are_refused(tmp_path):
    with pytest.raises(GeometryError, match="fold over"):
        problem_on(tmp_path / "a.vtu", [(0, 0, 0), (1, 0, 0), (0.2, 0.2, 0), (0, 1, 0)], [(0, 1, 2, 3)])


@pytest.mark.parametrize("solver", ["hp_vpinn", "vpinn"])
def test_tests_of_an_order_beyond_the_quadrature_are_refused(solver):
    u = pk.unknown("u", x, y)
    problem = pk.Problem(
        name="square", domain=pk.Rectangle((0, 0), (1, 1)), equations=[-pk.laplacian(u) - 1],
        conditions=[pk.Dirichlet(u, 0)],
    )  # fmt: skip
    with pytest.raises(DeclarationError, match="order 6 with 5 quadrature points"), numerics():
        posed(problem, solver, tests={"order": 6, "quadrature": 5})


def test_a_slope_on_a_boundary_without_that_name_is_refused():
    u = pk.unknown("u", x, y)
    with pytest.raises(DeclarationError) as caught:
        pk.Problem(
            name="square", domain=pk.Rectangle((0, 0), (1, 1)), equations=[-pk.laplacian(u) - 1],
            conditions=[pk.Dirichlet(u, 0), pk.Neumann(u, 1, where="outlet")],
        )  # fmt: skip
    assert "outlet" in str(caught.value)
    assert "right" in str(caught.value)
