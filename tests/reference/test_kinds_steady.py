"""Every kind of steady problem that a declaration can say, against solutions known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.declare.symbols import normal
from pinnkit.forms.emit import emit
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.elements import tabulate
from pinnkit.reference.fields import DiscreteField
from pinnkit.reference.meshing import Meshes

from .problems import UNIT, scattered, u, v, x, y

p, m = pk.unknown("p", x, y), pk.unknown("m", x, y)
N = {c: normal(c) for c in (x, y)}
D = sp.diff


def solved(problem: pk.Problem, degree: int = 3, size: float = 0.125) -> DiscreteField:
    """The discrete solution on one mesh."""
    return Discretisation(derive(problem), Meshes(problem.domain, degree).first(size), degree).solve()


def error(solution: DiscreteField, problem: pk.Problem, exact: dict, loose: str = "") -> float:
    """Largest relative L2 error of the unknowns at scattered points; ``loose`` without its mean."""
    points = scattered(problem, 3000)
    found, worst = solution.evaluate(points), 0.0
    for field, expression in exact.items():
        name = field.func.__name__
        wanted = emit([sp.sympify(expression)], list(problem.variables), np)(*points.T)[0]
        gap = found[name] - wanted
        gap -= gap.mean() if name == loose else 0.0
        worst = max(worst, float(np.linalg.norm(gap) / np.linalg.norm(np.broadcast_to(wanted, gap.shape))))
    return worst


def stated(equations, conditions, domain: pk.Shape = UNIT, name: str = "kind") -> pk.Problem:
    return pk.Problem(name=name, domain=domain, equations=equations, conditions=conditions)


def sourced(operators, exact: dict, conditions, domain: pk.Shape = UNIT) -> pk.Problem:
    """Operators with the sources that make ``exact`` their solution."""
    return stated([sp.Eq(o, sp.sympify(o).subs(exact).doit()) for o in operators], conditions, domain)


WAVY = {u: sp.sin(x) * sp.exp(y)}
TENSOR = [(2 + x) * D(u, x) + D(u, y) / 2, D(u, x) / 2 + (1 + y**2) * D(u, y)]
TRANSPORTED = (1 + x) * D(u, x) - y * D(u, y) + (1 + x * y) * u
SIDES = {"left": "dirichlet", "bottom": "dirichlet", "right": "neumann", "top": "robin"}
TURNED = {u: sp.sin(2 * sp.pi * x) * sp.exp(y), v: sp.cos(2 * sp.pi * x) * y}


@pytest.mark.parametrize(
    ("problem", "limit"),
    [
        (pk.manufactured("tensor", UNIT, [-pk.div(TENSOR, [x, y]) + TRANSPORTED], WAVY, SIDES), 2e-6),
        (pk.manufactured("expanded", UNIT, [-(2 + x) * D(u, x, 2) - D(u, x, y) - D(u, y, 2)], WAVY), 2e-6),
        (pk.manufactured("helmholtz", UNIT, [pk.laplacian(u) + 25 * u], {u: sp.sin(3 * x + 4 * y)}), 1e-4),
        (pk.manufactured(
            "kinks", UNIT,
            [-pk.laplacian(u) + sp.Abs(u - 1) * u + sp.Max(u, 1) + sp.Min(D(u, x), 2) + sp.sign(u + 3)
             + sp.Heaviside(u - 1) * (u - 1) + sp.Piecewise((u, u < 1), (u**2, True))],
            WAVY,
        ), 1e-5),
    ],
    ids=lambda q: getattr(q, "name", ""),
)  # fmt: skip
def test_scalar(problem, limit):
    exact = {f: problem.exact[f.func.__name__] for f in problem.unknowns}
    assert error(solved(problem), problem, exact) <= limit


def test_complex_helmholtz_with_an_impedance_boundary():
    """e^{i(3x + 4y)} as two unknowns, ∂w/∂n − 5i w given on the boundary."""
    exact = {u: sp.cos(3 * x + 4 * y), v: sp.sin(3 * x + 4 * y)}
    slopes = [sum(N[c] * D(f, c) for c in (x, y)) for f in (u, v)]
    given = [slopes[0] + 5 * v, slopes[1] - 5 * u]
    conditions = [pk.Condition(e - e.subs(exact).doit(), where="boundary") for e in given]
    problem = stated([sp.Eq(-pk.laplacian(f) - 25 * f, 0) for f in (u, v)], conditions)
    assert error(solved(problem), problem, exact) <= 1e-4


class TestElasticity:
    @staticmethod
    def stress(first: sp.Expr, second: sp.Expr) -> list[list[sp.Expr]]:
        swelling, shear = first * (D(u, x) + D(v, y)), second * (D(u, y) + D(v, x))
        return [[swelling + 2 * second * D(u, x), shear], [shear, swelling + 2 * second * D(v, y)]]

    def pulled(self) -> tuple[dict, list[list[sp.Expr]], dict[str, sp.Eq]]:
        """A displacement, its stress, and the equations that it fulfils."""
        stress = self.stress(sp.Rational(7, 2), sp.S(2))
        exact = {u: sp.sin(x) * sp.cos(2 * y), v: sp.exp(x * y)}
        known = [[s.subs(exact).doit() for s in row] for row in stress]
        equations = {
            name: sp.Eq(-pk.div(row, [x, y]), -sum(D(s, c) for s, c in zip(own, (x, y), strict=True)))
            for name, row, own in zip(("along", "up"), stress, known, strict=True)
        }
        return exact, known, equations

    def test_one_component_held_the_other_pulled(self):
        exact, known, equations = self.pulled()
        conditions = [
            pk.Dirichlet(u, exact[u], where="left"), pk.Flux("up", known[1][0], where="left"),
            pk.Dirichlet(v, exact[v], where="bottom"), pk.Flux("along", known[0][1], where="bottom"),
            pk.Flux("along", -known[0][0], where="right"), pk.Flux("up", -known[1][0], where="right"),
            pk.Flux("along", -known[0][1], where="top"), pk.Flux("up", -known[1][1], where="top"),
        ]  # fmt: skip
        problem = stated(equations, conditions)
        assert error(solved(problem), problem, exact) <= 1e-5

    def test_a_body_held_by_points(self):
        """Tractions all around: two points of v and one of u take away shifts and the turn, and no more."""
        exact, known, equations = self.pulled()
        conditions = [
            pk.Flux(name, sign * known[k][axis], where=side)
            for k, name in enumerate(equations)
            for side, axis, sign in (("left", 0, 1), ("right", 0, -1), ("bottom", 1, 1), ("top", 1, -1))
        ]
        conditions += [pk.PointValue(v, exact[v].subs({x: a, y: 0}), at=(a, 0)) for a in (0, 1)]
        conditions.append(pk.PointValue(u, exact[u].subs({x: 0, y: 0}), at=(0, 0)))
        problem = stated(equations, conditions)
        assert error(solved(problem), problem, exact) <= 1e-4

    @pytest.mark.parametrize(
        ("degree", "size", "least", "most"), [(1, 1 / 16, 0.6, 1.0), (3, 0.02, 0, 1e-5)]
    )
    def test_near_incompressibility(self, degree, size, least, most):
        """ν = 0.4999: linear elements lock, cubic ones lose an order at most."""
        ratio, stream = sp.Rational(4999, 10000), x**2 * (1 - x) ** 2 * y**2 * (1 - y) ** 2
        first, second = ratio / ((1 + ratio) * (1 - 2 * ratio)), 1 / (2 * (1 + ratio))
        exact = {u: D(stream, y), v: -D(stream, x)}
        operators = [-pk.div(row, [x, y]) for row in self.stress(first, second)]
        problem = sourced(operators, exact, [pk.Dirichlet(u, 0), pk.Dirichlet(v, 0)])
        assert least <= error(solved(problem, degree, size), problem, exact) <= most

    def test_a_hole_trebles_the_stress(self):
        """Kirsch (1898): a quarter of a plate under unit tension, the exact tractions on its outer sides."""
        ratio = sp.Rational(3, 10)
        first, second = ratio / (1 - ratio**2), 1 / (2 * (1 + ratio))  # plane stress, E = 1
        square = x**2 + y**2
        c2, s2 = (x**2 - y**2) / square, 2 * x * y / square
        c4, s4 = c2**2 - s2**2, 2 * s2 * c2
        far, near = 1 / square, sp.Rational(3, 2) / square**2
        known = {
            (x, x): 1 - (3 * c2 / 2 + c4) * far + near * c4,
            (y, y): -(c2 / 2 - c4) * far - near * c4,
            (x, y): -(s2 / 2 + s4) * far + near * s4,
        }
        stress = self.stress(first, second)
        equations = {n: sp.Eq(-pk.div(r, [x, y]), 0) for n, r in zip(("along", "up"), stress, strict=True)}
        conditions = [
            pk.Dirichlet(u, 0, where="left"), pk.Flux("up", 0, where="left"),
            pk.Dirichlet(v, 0, where="bottom"), pk.Flux("along", 0, where="bottom"),
            pk.Flux("along", 0, where="hole"), pk.Flux("up", 0, where="hole"),
            pk.Flux("along", -known[x, x], where="right"), pk.Flux("up", -known[x, y], where="right"),
            pk.Flux("along", -known[x, y], where="top"), pk.Flux("up", -known[y, y], where="top"),
        ]  # fmt: skip
        plate = pk.Rectangle((0, 0), (4, 4)) - pk.Disk((0, 0), 1, name="hole")
        solution = solved(stated(equations, conditions, plate), 3, 0.125)
        slopes = {name: slopes_at(solution, name, np.array([0.0, 1.0])) for name in "uv"}
        swelling = slopes["u"][:, 0] + slopes["v"][:, 1]
        peak = float(first) * swelling + 2 * float(second) * slopes["u"][:, 0]
        np.testing.assert_allclose(peak, 3, atol=3e-3)


def slopes_at(solution: DiscreteField, name: str, point: np.ndarray) -> np.ndarray:
    """The gradient (cells, 2) at a vertex, as each cell there has it."""
    product, k = solution.product, solution.names.index(name)
    mesh, space = product.mesh, product.spaces[k]
    vertex = np.linalg.norm(mesh.points - point, axis=1).argmin()
    np.testing.assert_allclose(mesh.points[vertex], point, atol=1e-12)
    found = []
    for row, place in zip(*np.nonzero(mesh.cells == vertex), strict=True):
        corner = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])[place][:, None]
        inverse = np.linalg.inv(mesh.jacobian(np.array([row]), corner)[0, 0])
        local = solution.coefficients[product.part(k)][space.cell_dofs[row]]
        found.append(local @ tabulate(2, space.degree, corner)[:, 0, 1:] @ inverse)
    return np.array(found)


class TestMixed:
    """Higher order by a further unknown."""

    bump = sp.sin(sp.pi * x) ** 2 * sp.sin(sp.pi * y) ** 2

    def plate(self, exact: sp.Expr, conditions) -> tuple[pk.Problem, dict]:
        moment = D(exact, x, 2) + D(exact, y, 2)
        load = D(moment, x, 2) + D(moment, y, 2)
        return stated([sp.Eq(pk.laplacian(m), load), sp.Eq(m, pk.laplacian(u))], conditions), {
            u: exact,
            m: moment,
        }

    def test_clamped_plate(self):
        problem, exact = self.plate(self.bump, [pk.Dirichlet(u, 0), pk.Neumann(u, 0)])
        found = solved(problem)
        assert error(found, problem, {u: exact[u]}) <= 1e-3
        assert error(found, problem, {m: exact[m]}) <= 3e-2

    def test_supported_plate(self):
        problem, exact = self.plate(
            sp.sin(sp.pi * x) * sp.sin(sp.pi * y), [pk.Dirichlet(u, 0), pk.Dirichlet(m, 0)]
        )
        assert error(solved(problem), problem, exact) <= 1e-4

    def test_beam_with_one_end_free(self):
        """u'''' = 1, clamped on the left: u = x²(x² − 4x + 6)/24."""
        line, bending = pk.unknown("u", x), pk.unknown("m", x)
        conditions = [
            pk.Dirichlet(line, 0, where="left"), pk.Neumann(line, 0, where="left"),
            pk.Dirichlet(bending, 0, where="right"), pk.Neumann(bending, 0, where="right"),
        ]  # fmt: skip
        equations = [sp.Eq(D(bending, x, 2), 1), sp.Eq(bending, D(line, x, 2))]
        problem = stated(equations, conditions, pk.Interval(0, 1))
        exact = {line: x**2 * (x**2 - 4 * x + 6) / 24, bending: (1 - x) ** 2 / 2}
        assert error(solved(problem, 4, 0.25), problem, exact) <= 1e-11

    def test_darcy_flow(self):
        pressure = sp.sin(sp.pi * x) * sp.sin(sp.pi * y)
        exact = {p: pressure, u: -D(pressure, x), v: -D(pressure, y)}
        balance = sp.Eq(D(u, x) + D(v, y), 2 * sp.pi**2 * pressure)
        problem = stated([sp.Eq(u, -D(p, x)), sp.Eq(v, -D(p, y)), balance], [pk.Dirichlet(p, 0)])
        assert error(solved(problem), problem, exact) <= 1e-3


def test_stokes_with_slip_walls_and_an_open_end():
    """Plug flow past walls that do not hold it, leaving where −p + ∂u/∂x = 0."""
    walls = [pk.Condition(N[x] * u + N[y] * v, where=side) for side in ("bottom", "top")]
    walls += [pk.Neumann(u, 0, where=side) for side in ("bottom", "top")]
    inflow = [pk.Dirichlet(u, 2, where="left"), pk.Dirichlet(v, 0, where="left")]
    outflow = [pk.Condition(D(u, x) - p, where="right"), pk.Condition(D(v, x), where="right")]
    equations = [sp.Eq(-pk.laplacian(u) + D(p, x), 0), sp.Eq(-pk.laplacian(v) + D(p, y), 0)]
    problem = stated([*equations, sp.Eq(D(u, x) + D(v, y), 0)], [*walls, *inflow, *outflow])
    found = solved(problem, 3, 0.25).evaluate(scattered(problem, 100))
    for name, wanted in (("u", 2), ("v", 0), ("p", 0)):
        np.testing.assert_allclose(found[name], wanted, atol=1e-11)


def test_system_periodic_in_one_direction():
    conditions = [
        pk.Periodic(x),
        *(pk.Dirichlet(f, TURNED[f], where=s) for f in TURNED for s in ("bottom", "top")),
    ]
    operators = [-pk.laplacian(u) + v - u * v + u, -pk.laplacian(v) + v + D(u, x)]
    problem = sourced(operators, TURNED, conditions)
    assert error(solved(problem), problem, TURNED) <= 2e-4


class TestInterface:
    """−(a u′)′ = 0 across a jump of a from 1 to 10 has flux 20/11; a u″ = 0 is another problem."""

    half = sp.Rational(1, 2)
    exact = sp.Piecewise((x, x < half), (half + (x - half) / 10, True))

    @pytest.mark.parametrize(
        "coefficient",
        [
            sp.Piecewise((1, x < half), (10, True)),
            1 + 9 * sp.Heaviside(x - half),
            (11 + 9 * sp.sign(x - half)) / 2,
        ],
        ids=["Piecewise", "Heaviside", "sign"],
    )
    def test_flux_is_continuous(self, coefficient):
        problem = stated([sp.Eq(-pk.div(coefficient * pk.grad(u)), 0)], [pk.Dirichlet(u, self.exact)])
        assert error(solved(problem), problem, {u: self.exact}) <= 1e-11


class TestNonlinear:
    def test_p_laplacian(self):
        slope = pk.grad(u)
        operator = -pk.div(sp.sqrt(slope.dot(slope)) * slope)
        far = pk.Rectangle((1, 1), (2, 2))
        problem = pk.manufactured("p", far, [operator], {u: sp.exp(x / 2) + y})
        assert error(solved(problem), problem, {u: sp.exp(x / 2) + y}) <= 1e-7

    @pytest.mark.parametrize("as_robin", [False, True], ids=["Condition", "Robin"])
    def test_radiation(self, as_robin):
        """∂u/∂n + u⁴ given on three sides."""
        exact = 1 + x * y + x**2
        conditions: list = [pk.Dirichlet(u, exact, where="left")]
        for side, axis, sign in (("right", x, 1), ("top", y, 1), ("bottom", y, -1)):
            given = exact**4 + sign * D(exact, axis)
            slope = sum(N[c] * D(u, c) for c in (x, y))
            robin = pk.Robin(u, u**3, 1, given, where=side)
            conditions.append(robin if as_robin else pk.Condition(slope + u**4 - given, where=side))
        problem = stated([sp.Eq(-pk.laplacian(u), -2)], conditions)
        assert error(solved(problem, 3, 0.25), problem, {u: exact}) <= 1e-12


def test_a_derivative_that_vanishes_where_newton_starts():
    """−∇·(|∇u|²∇u) = 1 with u = 0 on the rim: the derivative at u = 0 is zero."""
    slope = pk.grad(u)
    equation = sp.Eq(-pk.div(slope.dot(slope) * slope), 1)
    problem = stated([equation], [pk.Dirichlet(u, 0)], pk.Disk((0, 0), 1))
    exact = sp.Rational(3, 4) * 2 ** -sp.Rational(1, 3) * (1 - (x**2 + y**2) ** sp.Rational(2, 3))
    assert error(solved(problem), problem, {u: exact}) <= 1e-3
