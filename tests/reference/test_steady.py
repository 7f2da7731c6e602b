"""Steady solves: nonlinear ones, corner singularities, saddle points, and problems without a solution."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import FemOptions, ReferenceUnavailable, fem_reference
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.newton import newton

from . import problems as known
from .problems import UNIT, distance, errors, u, x, y


def solved(problem: pk.Problem, degree: int, size: float, halvings: int = 0):
    meshes = Meshes(problem.domain, degree)
    mesh = meshes.first(size)
    for k in range(halvings):
        mesh = meshes.finer(mesh, size / 2 ** (k + 1))
    found = Discretisation(derive(problem), mesh, degree)
    return found, found.solve()


def test_nonlinear_poisson_row():
    problem = known.nonlinear_poisson()
    found = Discretisation(derive(problem), Meshes(problem.domain, 3).first(1 / 32), 3)
    state, report = newton(found.assembler, found.constraints, found.lift(), False, found.masses)
    solution = found.solve()
    np.testing.assert_allclose(solution.coefficients, state, atol=1e-12)
    assert errors(solution, problem, "u")[0] <= 1e-7
    assert report.steps <= 7


def test_minimal_surface_converges_from_the_lift_in_few_steps():
    problem = known.minimal_surface()
    found = Discretisation(derive(problem), Meshes(problem.domain, 3).first(0.1), 3)
    _, report = newton(found.assembler, found.constraints, found.lift(), False, found.masses)
    assert report.steps <= 6


def l_shape():
    return pk.Rectangle((-1, -1), (1, 1)) - pk.Rectangle((0, 0), (1, 1))


def corner_problem() -> pk.Problem:
    """Δu = 0 with u = r^{2/3} cos(2φ/3), the leading singularity of the corner."""
    along, across = -(x + y) / sp.sqrt(2), (x - y) / sp.sqrt(2)
    exact = (x**2 + y**2) ** sp.Rational(1, 3) * sp.cos(sp.Rational(2, 3) * sp.atan2(across, along))
    return pk.Problem(
        name="corner", domain=l_shape(), equations=[sp.Eq(-pk.laplacian(u), 0)],
        conditions=[pk.Dirichlet(u, exact)],
    )  # fmt: skip


def corner_exact(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, ...]:
    """Value and slopes: the real part of ζ^{2/3} in coordinates ζ turned so that its cut is outside."""
    turned = (-(a + b) + 1j * (a - b)) / np.sqrt(2)
    slope = 2 / 3 * turned ** (-1 / 3) / np.sqrt(2)
    return (turned ** (2 / 3)).real, -slope.real - slope.imag, -slope.real + slope.imag


def test_graded_corner_row():
    found, solution = solved(corner_problem(), 3, 0.25, 3)
    assert found.product.size <= 80_000
    value, slope = distance(solution, "u", corner_exact)
    assert value <= 1e-8
    assert slope <= 1e-5


def test_without_grading_the_corner_sets_the_rate():
    """So the test above measures the grading."""
    meshes = Meshes(corner_problem().domain, 3)
    meshes.corners = {}
    solution = Discretisation(derive(corner_problem()), meshes.first(0.05), 3).solve()
    assert distance(solution, "u", corner_exact)[0] > 1e-5


def test_torsion_of_the_l_shape():
    """∫u and max u of −Δu = 1, known from elsewhere to the digits given."""
    problem = pk.Problem(
        name="l", domain=l_shape(), equations=[sp.Eq(-pk.laplacian(u), 1)], conditions=[pk.Dirichlet(u, 0)]
    )
    found, solution = solved(problem, 3, 0.25, 2)
    assert found.masses[0] @ solution.coefficients == pytest.approx(0.2140756, abs=2e-7)
    line = np.linspace(-0.6, -0.3, 301)
    highest = solution.evaluate(np.stack([line, line], axis=1))["u"].max()
    assert highest == pytest.approx(0.149413, abs=1e-6)


def test_kovasznay():
    problem = known.kovasznay()
    system = derive(problem)
    assert [system.names[k] for k in system.lowered] == ["p"]
    solution = Discretisation(system, Meshes(problem.domain, 3).first(0.125), 3).solve()
    points = known.scattered(problem, 5000)
    found, wanted = solution.evaluate(points), known.kovasznay_exact(points)
    for name, limit in (("u", 1e-4), ("v", 2e-4), ("p", 5e-3)):
        error = np.linalg.norm(found[name] - wanted[name]) / np.linalg.norm(wanted[name])
        assert error <= limit, name


def test_elasticity():
    problem = known.elasticity()
    _, solution = solved(problem, 3, 0.1)
    assert errors(solution, problem, "u")[0] <= 1e-6
    assert errors(solution, problem, "v")[0] <= 1e-6


def test_steep_line_is_meshed_where_it_is_steep():
    reference = fem_reference(known.steep(), tolerance=1e-4)
    assert reference.error_bar["u"] <= 1e-5
    assert reference.dofs <= 800
    sizes = reference.solution.product.mesh.sizes
    centres = reference.solution.product.mesh.points[:, 0]
    assert sizes.max() > 4 * sizes.min()
    assert np.abs(centres[np.argmin(sizes)]) < 0.2


class TestUpToAConstant:
    exact = sp.cos(sp.pi * x) * sp.cos(2 * sp.pi * y)
    equation = sp.Eq(-pk.laplacian(u), 5 * sp.pi**2 * exact)

    def test_a_point_value_fixes_it(self):
        conditions = [pk.Neumann(u, 0), pk.PointValue(u, 4, at=(0, 0))]
        problem = pk.Problem(name="n", domain=UNIT, equations=[self.equation], conditions=conditions)
        reference = fem_reference(problem)
        assert reference.up_to_constant == {"u": True}
        corner = reference.evaluate(np.array([[0.0, 0.0], [1.0, 0.0]]))["u"]
        np.testing.assert_allclose(corner, [4, 2], atol=1e-3)

    def test_without_one_the_mean_is_zero(self):
        problem = pk.Problem(name="n", domain=UNIT, equations=[self.equation], conditions=[pk.Neumann(u, 0)])
        reference = fem_reference(problem)
        corner = reference.evaluate(np.array([[0.0, 0.0]]))["u"]
        np.testing.assert_allclose(corner, [1], atol=1e-3)
        assert any("constant" in note for note in reference.notes)

    def test_data_that_do_not_balance_are_refused(self):
        problem = pk.Problem(
            name="n", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), 1)], conditions=[pk.Neumann(u, 0)]
        )
        with pytest.raises(ReferenceUnavailable, match="do not balance"):
            fem_reference(problem)


class TestRefusals:
    def test_inferred_parameter(self, tmp_path):
        sensors = tmp_path / "sensors.csv"
        sensors.write_text("x,y,u\n0.5,0.5,0.07\n")
        nu = pk.parameter("nu", 0.1, infer=True)
        problem = pk.Problem(
            name="i", domain=UNIT, equations=[sp.Eq(-nu * pk.laplacian(u), 1)],
            conditions=[pk.Dirichlet(u, 0)], observations=[pk.Observations(u, str(sensors))],
        )  # fmt: skip
        with pytest.raises(ReferenceUnavailable, match="nu is to be found from data"):
            fem_reference(problem)

    def test_four_dimensions(self):
        depth, fourth = pk.coordinates("z q")
        field = pk.unknown("u", x, y, depth, fourth)
        problem = pk.Problem(
            name="box", domain=pk.Box((0,) * 4, (1,) * 4), equations=[sp.Eq(-pk.laplacian(field), 1)],
            conditions=[pk.Dirichlet(field, 0)],
        )  # fmt: skip
        with pytest.raises(ReferenceUnavailable, match="4 space coordinates"):
            fem_reference(problem)

    def test_third_order(self):
        line, t = known.w, known.t
        problem = pk.Problem(
            name="kdv", domain=pk.Interval(-1, 1),
            equations=[sp.Eq(sp.diff(line, t) + sp.diff(line, x, 3), 0)],
            conditions=[pk.Initial(line, sp.cos(sp.pi * x)), pk.Periodic(x)],
        )  # fmt: skip
        with pytest.raises(ReferenceUnavailable, match="order 3"):
            fem_reference(problem)

    def test_blow_up(self):
        line, t = known.w, known.t
        problem = pk.Problem(
            name="blow_up", domain=pk.Interval(0, 1),
            equations=[sp.Eq(sp.diff(line, t), sp.diff(line, x, 2) / 100 + line**2)],
            conditions=[pk.Initial(line, 3), pk.Neumann(line, 0)],
        )  # fmt: skip
        with pytest.raises(ReferenceUnavailable, match=r"t = 0\.33"):
            fem_reference(problem)

    def test_newton_without_a_solution(self):
        """−Δu = 100 eᵘ has none (Bratu; the largest admissible factor is 6.8)."""
        problem = pk.Problem(
            name="bratu", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), 100 * sp.exp(u))],
            conditions=[pk.Dirichlet(u, 0)],
        )  # fmt: skip
        with pytest.raises(ReferenceUnavailable, match=r"did not converge|singular"):
            fem_reference(problem)

    @pytest.mark.parametrize("bad", [{"degree": 5}, {"degree": 0}, {"size": -1.0}, {"max_dofs": 0}])
    def test_options(self, bad):
        with pytest.raises(ReferenceUnavailable):
            FemOptions(**bad)
