"""Second derivatives on cells; what streamline diffusion does to layers and leaves to smooth solutions."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import FemOptions, ReferenceUnavailable, fem_reference
from pinnkit.reference.assembly import Assembler, IntegrationSet
from pinnkit.reference.convection import convections, pressed
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.kernels import Channel, Integrand, Kernel, Symbols
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.newton import Diverged
from pinnkit.reference.spaces import Space, SpaceProduct

from .problems import errors

X, Y = pk.coordinates("x y")
SQUARE = pk.Rectangle((0, 0), (1, 1))


def _integrals(mesh, degree, expression):
    """∫ of every second derivative of the interpolant of an expression, against the shape functions."""
    space = Space.on(mesh, degree)
    values = sp.lambdify((X, Y), expression, "numpy")(*space.positions.T)
    values = np.broadcast_to(values, (space.size,)).astype(float)
    found = []
    for axis in (3, 4, 5):
        channel = sp.Dummy()
        alphabet = Symbols((X, Y), None, (), {channel: Channel(0, axis, 0)}, {})
        kernel = Kernel([Integrand(0, (sp.S.Zero, sp.S.Zero), channel)], alphabet)
        assembler = Assembler(SpaceProduct((space,)), [(kernel, IntegrationSet.of_cells(mesh, 12))])
        residual = assembler.residual(0.0, (values,))
        np.testing.assert_allclose(assembler.jacobian(0.0, (values,))[0] @ values, residual, atol=1e-12)
        found.append(residual)
    return found


def test_second_derivatives_on_straight_cells_are_exact_for_polynomials():
    mesh = Meshes(pk.Rectangle((0, 0), (1, 2)), 3).first(0.5)
    for found, wanted in zip(
        _integrals(mesh, 3, X**3 - 2 * X**2 * Y + Y**3),
        _moments(mesh, (6 * X - 4 * Y, -4 * X, 6 * Y)),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_second_derivatives_on_curved_cells_vanish_for_planes():
    # Isoparametric cells hold planes exactly: what is left is the curvature of the map, wrongly taken.
    mesh = Meshes(pk.Disk((0, 0), 1), 3).first(0.4)
    assert mesh.curved.any()
    for found in _integrals(mesh, 2, 2 * X - Y):
        np.testing.assert_allclose(found, 0, atol=1e-11)


def _moments(mesh, expressions):
    space = Space.on(mesh, 3)
    found = []
    for expression in expressions:
        kernel = Kernel([Integrand(0, (sp.S.Zero, sp.S.Zero), expression)], Symbols((X, Y), None, (), {}, {}))
        domain = IntegrationSet.of_cells(mesh, 12)
        zero = (np.zeros(space.size),)
        assembler = Assembler(SpaceProduct((space,)), [(kernel, domain)])
        found.append(assembler.residual(0.0, zero))
    return found


def _layer(thickness: float) -> pk.Problem:
    """−ε u″ + u′ = 1 between zeros: u = x up to a layer at the right end."""
    u = pk.unknown("u", X)
    return pk.Problem(
        name="layer",
        domain=pk.Interval(0, 1),
        equations=[sp.Eq(-thickness * sp.diff(u, X, 2) + sp.diff(u, X), 1)],
        conditions=[pk.Dirichlet(u, 0)],
    )


def _solved(problem: pk.Problem, size: float, degree: int, stabilised: bool = True):
    """The discretisation and its solution, with Galerkin's method if not ``stabilised``."""
    system = derive(problem)
    discretisation = Discretisation(system, Meshes(problem.domain, degree).first(size), degree)
    if not stabilised:
        cells = IntegrationSet.of_cells(discretisation.mesh, 2 * degree + 2)
        discretisation.assembler = Assembler(discretisation.product, [(system.cells, cells)])
    return discretisation, discretisation.solve()


@pytest.mark.parametrize("thickness", [1e-2, 1e-4, 1e-6])
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_layers_do_not_spread(thickness, degree):
    discretisation, found = _solved(_layer(thickness), 0.05, degree)
    points = np.linspace(0, 1, 801)
    values = found.evaluate(points[:, None])["u"]
    bend = np.exp((points - 1) / thickness)
    error = np.abs(values - (points - bend))[points < 0.9].max()
    # Under Galerkin's method, error and overshoot without bound as the layer gets thinner.
    assert error < 1e-2
    assert values.max() < 1.08
    resolved = 0.05 / (2 * degree * thickness) <= 1
    assert bool(discretisation.stabilisation.remark(found)) is not resolved
    if thickness < 1e-3:
        _, plain = _solved(_layer(thickness), 0.05, degree, stabilised=False)
        assert np.abs(plain.evaluate(points[:, None])["u"]).max() > 1.5


def _skew(thickness: float) -> pk.Problem:
    """A step carried across the square at 60°, and layers where it meets zeros (Brooks & Hughes 1982, §5)."""
    u = pk.unknown("u", X, Y)
    along = sp.diff(u, X) / 2 + sp.sqrt(3) / 2 * sp.diff(u, Y)
    step = sp.Heaviside(sp.Rational(1, 5) - Y)
    conditions = [pk.Dirichlet(u, 1, "bottom"), pk.Dirichlet(u, step, "left")]
    return pk.Problem(
        name="skew",
        domain=SQUARE,
        equations=[sp.Eq(-thickness * pk.laplacian(u) + along, 0)],
        conditions=[*conditions, pk.Dirichlet(u, 0, "right"), pk.Dirichlet(u, 0, "top")],
    )


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_skew_advection_overshoots_by_a_bounded_part(degree):
    points = np.stack(np.meshgrid(*[np.linspace(0, 1, 101)] * 2), axis=-1).reshape(-1, 2)
    found, plain = (_solved(_skew(1e-6), 0.1, degree, on)[1].evaluate(points)["u"] for on in (True, False))
    assert found.min() > -0.2
    assert found.max() < 1.6
    assert np.abs(plain).max() > 10


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_orders_are_kept_at_high_peclet_numbers(degree):
    u = pk.unknown("u", X, Y)
    operator = -1e-6 * pk.laplacian(u) + 2 * sp.diff(u, X) + (1 + X) * sp.diff(u, Y)
    problem = pk.manufactured("smooth", SQUARE, [operator], {u: sp.sin(sp.pi * X) * sp.exp(Y)})
    meshes = Meshes(SQUARE, degree)
    mesh, found = meshes.first(0.125), []
    for size in (0.0625, 0.03125):
        discretisation = Discretisation(derive(problem), mesh, degree)
        found.append(errors(discretisation.solve(), problem, "u"))
        mesh = meshes.finer(mesh, size)
    rates = np.log2(np.array(found[0]) / np.array(found[1]))
    assert rates[0] >= degree + 0.4
    assert rates[1] >= degree - 0.1


def test_signs_and_units_of_the_equation_do_not_matter():
    u = pk.unknown("u", X)
    operator = -1e-5 * sp.diff(u, X, 2) + sp.diff(u, X)
    values = []
    for factor in (1, -1000):
        problem = pk.Problem(
            name="layer",
            domain=pk.Interval(0, 1),
            equations=[sp.Eq(factor * operator, factor)],
            conditions=[pk.Dirichlet(u, 0)],
        )
        values.append(_solved(problem, 0.05, 3)[1].coefficients)
    np.testing.assert_allclose(*values, atol=1e-10)


def test_jacobian_of_a_nonlinear_convection_is_its_derivative_where_the_residual_vanishes():
    # τ is frozen, so only at R = 0 is the derivative whole; there Newton's method converges quadratically.
    u = pk.unknown("u", X, Y)
    operator = -1e-4 * pk.laplacian(u) + (1 + u**2) * sp.diff(u, X) + u * sp.diff(u, Y)
    exact = X * Y + 2
    problem = pk.manufactured("nonlinear", SQUARE, [operator], {u: exact})
    discretisation = Discretisation(derive(problem), Meshes(SQUARE, 2).first(0.25), 2)
    assert discretisation.stabilisation.parts
    positions = discretisation.product.spaces[0].positions
    state = positions[:, 0] * positions[:, 1] + 2
    direction = np.random.default_rng(0).standard_normal(len(state))
    step = 1e-6
    up, down = (discretisation.assembler.residual(0.0, (state + s * step * direction,)) for s in (1, -1))
    slope = discretisation.assembler.jacobian(0.0, (state,))[0] @ direction
    np.testing.assert_allclose(slope, (up - down) / (2 * step), atol=1e-7 * np.abs(slope).max())


class TestPureTransport:
    exact = sp.sin(3 * X) * sp.exp(Y)

    def _reference(self, sides, factor=1, conservative=False):
        u = pk.unknown("u", X, Y)
        across = sp.Rational(1, 2) + X
        operator = factor * (sp.diff(u, X) + across * sp.diff(u, Y))
        if conservative:
            operator = pk.div(sp.Matrix([u, across * u]), [X, Y])
        problem = pk.Problem(
            name="transport",
            domain=SQUARE,
            equations=[sp.Eq(operator, operator.subs(u, self.exact).doit())],
            conditions=[pk.Dirichlet(u, self.exact, side) for side in sides],
        )
        reference = fem_reference(problem, FemOptions(degree=2), tolerance=1e-2)
        points = np.random.default_rng(0).uniform(0, 1, (2000, 2))
        wanted = sp.lambdify((X, Y), self.exact, "numpy")(*points.T)
        error = np.linalg.norm(reference.evaluate(points)["u"] - wanted) / np.linalg.norm(wanted)
        return error, reference

    @pytest.mark.parametrize("factor", [1, -1])
    def test_is_solved_from_where_the_values_are(self, factor):
        for sides in (("left", "bottom"), ("right", "top")):
            error, reference = self._reference(sides, factor)
            assert error <= reference.error_bar["u"] <= 5 * error
            assert any("stabilised (SUPG)" in note for note in reference.notes)

    def test_takes_no_value_where_the_flow_leaves(self):
        with pytest.raises(ReferenceUnavailable, match="prescribed on 'right', where the flow leaves"):
            self._reference(("left", "bottom", "right"))

    def test_asks_for_a_value_where_the_flow_enters(self):
        with pytest.raises(ReferenceUnavailable, match="enters through 'bottom', where u has no value"):
            self._reference(("left",))

    def test_says_that_a_flux_left_free_is_none(self):
        with pytest.raises(ReferenceUnavailable, match="write div"):
            self._reference(("left", "bottom"), conservative=True)

    def test_turns_a_disk_without_values_on_its_rim(self):
        t = pk.time("t", 0, 1)
        w = pk.unknown("w", X, Y, t)
        turned = (X * sp.cos(t) + Y * sp.sin(t), Y * sp.cos(t) - X * sp.sin(t))
        exact = sp.exp(-10 * ((turned[0] - sp.Rational(2, 5)) ** 2 + turned[1] ** 2))
        problem = pk.Problem(
            name="turning",
            domain=pk.Disk((0, 0), 1),
            equations=[sp.Eq(sp.diff(w, t) - Y * sp.diff(w, X) + X * sp.diff(w, Y), 0)],
            conditions=[pk.Initial(w, exact.subs(t, 0))],
        )
        reference = fem_reference(problem, tolerance=3e-2)
        angles, radii = np.random.default_rng(0).uniform(0, 1, (2, 1000))
        points = np.column_stack([
            radii * np.cos(2 * np.pi * angles), radii * np.sin(2 * np.pi * angles), 0.5 * np.ones(1000)
        ])  # fmt: skip
        wanted = sp.lambdify((X, Y, t), exact, "numpy")(*points.T)
        error = np.linalg.norm(reference.evaluate(points)["w"] - wanted) / np.linalg.norm(wanted)
        assert error <= 2 * reference.error_bar["w"] < 6e-3


def test_convection_of_another_unknowns_flux_is_left_alone():
    """Cahn–Hilliard: the flux of c is a gradient of μ, and c alone has no second derivatives."""
    t = pk.time("t", 0, 1)
    c, m = pk.unknown("c", X, t), pk.unknown("m", X, t)
    problem = pk.manufactured(
        "carried", pk.Interval(0, 1),
        [sp.diff(c, t) + sp.diff(c, X) - sp.diff(m, X, 2), m + sp.diff(c, X, 2) / 100],
        {c: sp.cos(sp.pi * X) * sp.exp(-t), m: sp.pi**2 / 100 * sp.cos(sp.pi * X) * sp.exp(-t)}, "neumann",
    )  # fmt: skip
    assert not convections(derive(problem))


def _cavity(reynolds: float) -> pk.Problem:
    u, v, p = (pk.unknown(name, X, Y) for name in "uvp")
    momentum = [
        pk.material_derivative(c, (u, v)) + f - pk.laplacian(c) / reynolds
        for c, f in zip((u, v), pk.grad(p, [X, Y]), strict=True)
    ]
    walls = [pk.Dirichlet(c, 0, side) for side in ("left", "right", "bottom") for c in (u, v)]
    return pk.Problem(
        name="cavity",
        domain=SQUARE,
        equations=[sp.Eq(e, 0) for e in (*momentum, pk.div((u, v), [X, Y]))],
        conditions=[*walls, pk.Dirichlet(u, 1, "top"), pk.Dirichlet(v, 0, "top")],
    )


def test_saddle_points_are_stabilised_only_where_newton_fails(monkeypatch):
    calm, found = _solved(_cavity(1000), 0.125, 2)
    assert not calm.stabilisation.remark(found)

    once, original = [Diverged("Galerkin's method"), None], Discretisation._found

    def failing(self, start):
        if cause := once.pop(0):
            raise cause
        return original(self, start)

    monkeypatch.setattr(Discretisation, "_found", failing)
    wild, other = _solved(_cavity(1000), 0.125, 2)
    assert "stabilised (SUPG)" in wild.stabilisation.remark(other)
    centre = np.array([[0.5, 0.2]])
    assert other.evaluate(centre)["u"] == pytest.approx(found.evaluate(centre)["u"], abs=0.15)
    assert other.evaluate(centre)["u"] != found.evaluate(centre)["u"]


def test_a_temperature_in_a_flow_is_no_saddle_point():
    u, v, w = (pk.unknown(name, X, Y) for name in "uvw")
    steady = _cavity(10)
    conditions = [*steady.conditions, pk.Dirichlet(w, 0)]
    warm = sp.Eq(pk.material_derivative(w, (u, v)) - pk.laplacian(w) / 10_000, 1)
    problem = pk.Problem(
        name="warm",
        domain=SQUARE,
        equations=[*(sp.Eq(e.residual, 0) for e in steady.equations), warm],
        conditions=conditions,
    )
    system = derive(problem)
    names = {system.names[c.integrand.equation] for c in convections(system)}
    held = {system.names[k] for k in pressed(system)}
    assert (names, held) == ({"u", "v", "w"}, {"u", "v"})
