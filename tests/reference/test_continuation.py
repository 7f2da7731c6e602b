"""Newton's method where it needs help: unknowns of different size, and problems reached by degrees."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import ReferenceUnavailable, fem_reference
from pinnkit.reference.continuation import continued
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.newton import Diverged, Norm, newton
from tests.benchmarks.flows import cavity

from . import problems as known
from .problems import UNIT, u


def stiffening() -> pk.Problem:
    """−∇·((1/100 + u⁸)∇u) = 10, which Newton's method does not solve from zero."""
    operator = -pk.div((sp.Rational(1, 100) + u**8) * pk.grad(u))
    return pk.Problem(
        name="stiffening", domain=UNIT, equations=[sp.Eq(operator, 10)], conditions=[pk.Dirichlet(u, 0)]
    )


def explosion(rate: float) -> pk.Problem:
    """−Δu = rate·eᵘ (Bratu), which has no solution beyond 6.8."""
    equation = sp.Eq(-pk.laplacian(u), rate * sp.exp(u))
    return pk.Problem(name="bratu", domain=UNIT, equations=[equation], conditions=[pk.Dirichlet(u, 0)])


def discretised(problem: pk.Problem, size: float, degree: int = 2) -> Discretisation:
    return Discretisation(derive(problem), Meshes(problem.domain, degree).first(size), degree)


def parts(found: Discretisation) -> tuple:
    return found.assembler, found.constraints, found.lift(), found.system.saddle, found.masses


def test_a_problem_that_newton_does_not_solve_is_reached_by_degrees():
    found = discretised(stiffening(), 0.2)
    with pytest.raises(Diverged):
        newton(*parts(found))
    state = found.solve().coefficients
    residual = found.assembler.residual(0.0, (state,))[found.constraints.free]
    assert np.abs(residual).max() <= 1e-10
    assert state.max() > 1


def test_both_ways_lead_to_the_same_flow():
    found = discretised(cavity(400), 0.125, 3)
    straight, _ = newton(*parts(found))
    np.testing.assert_allclose(continued(*parts(found)), straight, atol=1e-9 * np.abs(straight).max())


def test_a_linear_part_that_is_singular_leaves_the_load_to_be_raised():
    """−∇·(u²∇u) = 1 has no linear part at all at u = 0."""
    problem = pk.Problem(
        name="porous", domain=UNIT, equations=[sp.Eq(-pk.div(u**2 * pk.grad(u)), 1)],
        conditions=[pk.Dirichlet(u, 1)],
    )  # fmt: skip
    found = discretised(problem, 0.2)
    np.testing.assert_allclose(continued(*parts(found)), newton(*parts(found))[0], atol=1e-9)


def test_where_the_path_ends_is_said():
    given = parts(discretised(explosion(8), 0.25))
    with pytest.raises(Diverged, match=r"as far as 0\.\d+ of the nonlinearity"):
        continued(*given)


def test_no_solution_is_one_error_with_a_remedy():
    with pytest.raises(ReferenceUnavailable, match="did not converge") as caught:
        fem_reference(explosion(100))
    assert "reference.fem.size" in caught.value.mend


def test_a_first_mesh_that_is_too_coarse_is_not_the_last_word(monkeypatch):
    """The first solve on the first mesh fails; the next finer mesh is tried."""
    solve, cells = Discretisation.solve, []

    def failing_at_first(self, coarse=None):
        cells.append(len(self.mesh.cells))
        if len(cells) == 1:
            raise Diverged("no")
        return solve(self, coarse)

    monkeypatch.setattr(Discretisation, "solve", failing_at_first)
    reference = fem_reference(known.nonlinear_poisson(), tolerance=1e-2)
    assert cells[1] == 4 * cells[0]
    assert reference.error_bar["u"] <= 1e-3


def test_corrections_are_measured_by_their_own_unknown():
    """A velocity of size 1 beside a pressure of size 1e6: a change of 1e-3 in it is no small one."""
    found = discretised(known.kovasznay(), 0.5)
    product = found.product
    state, change = np.ones(product.size), np.zeros(product.size)
    pressure, velocity = (product.part(found.system.names.index(n)) for n in "pu")
    state[pressure] = 1e6
    change[velocity] = 1e-3
    free = np.arange(product.size)
    assert Norm(product, free, state, np.zeros_like(state))(change) == pytest.approx(1e-3)


def test_the_same_factors_serve_for_several_corrections():
    """From a good start one factorisation does."""
    found = discretised(known.nonlinear_poisson(), 0.1, 3)
    state, _ = newton(*parts(found))
    start = state * (1 + 1e-3 * np.random.default_rng(0).uniform(-1, 1, len(state)))
    again, report = newton(found.assembler, found.constraints, start, False, found.masses)
    assert report.steps == 1
    np.testing.assert_allclose(again, state, atol=1e-11)
