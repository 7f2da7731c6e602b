"""Problems without a solution, or with more than one: each one error that says what and how to mend it."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import FemOptions, ReferenceUnavailable, fem_reference

from .problems import UNIT, flat, t, u, v, w, x, y, z

LINE = pk.Interval(0, 1)
D = sp.diff
SMALL = FemOptions(max_dofs=3000)


def stated(equations, conditions, domain: pk.Shape = UNIT) -> pk.Problem:
    return pk.Problem(name="bad", domain=domain, equations=equations, conditions=conditions)


def refusal(equations, conditions, domain: pk.Shape = UNIT) -> ReferenceUnavailable:
    with pytest.raises(ReferenceUnavailable) as caught:
        fem_reference(stated(equations, conditions, domain), SMALL)
    assert caught.value.reason
    assert caught.value.mend
    return caught.value


class TestSingular:
    def test_rigid_turns_are_named(self):
        """Tractions alone leave translations, which are taken care of, and a turn, which is not."""
        swelling, shear = D(u, x) + D(v, y), D(u, y) + D(v, x)
        rows = [[swelling + 2 * D(u, x), shear], [shear, swelling + 2 * D(v, y)]]
        equations = {n: sp.Eq(pk.div(r, [x, y]), 0) for n, r in zip(("along", "up"), rows, strict=True)}
        said = refusal(equations, [pk.Flux("along", 0), pk.Flux("up", 0)])
        assert "singular in u, v" in said.what
        assert "rigid motion" in said.reason

    @pytest.mark.parametrize("load", [0, 1])
    def test_at_an_eigenvalue(self, load):
        line = pk.unknown("u", x)
        equation = sp.Eq(D(line, x, 2) + sp.pi**2 * line, load)
        said = refusal([equation], [pk.Dirichlet(line, 0)], LINE)
        assert "resonance" in said.reason
        assert "eigenvalue" in said.mend

    def test_beside_an_eigenvalue_it_is_solved(self):
        line = pk.unknown("u", x)
        equation = sp.Eq(D(line, x, 2) + 10 * line, 1)
        reference = fem_reference(stated([equation], [pk.Dirichlet(line, 0)], LINE))
        assert reference.error_bar["u"] <= 1e-4

    def test_wave_at_rest_with_free_ends_may_drift(self):
        """In time a free constant is no fault: the start decides it."""
        start = [pk.Initial(w, 1), pk.InitialRate(w, 0), pk.Neumann(w, 0)]
        reference = fem_reference(stated([sp.Eq(D(w, t, 2) - D(w, x, 2), 0)], start, LINE))
        assert reference.evaluate([[0.3, 0.7]])["w"] == pytest.approx(1)


class TestUpToAConstant:
    """Where the solution is free up to a constant, but nothing in the data need balance for that."""

    def test_convection_with_slopes_alone(self):
        exact = sp.cos(sp.pi * x) * sp.cos(sp.pi * y)
        equation = sp.Eq(-pk.laplacian(u) + 3 * D(u, x), -D(exact, x, 2) - D(exact, y, 2) + 3 * D(exact, x))
        reference = fem_reference(stated([equation], [pk.Neumann(u, 0)]))
        assert reference.up_to_constant == {"u": True}
        assert reference.evaluate([[0.0, 0.0]])["u"] == pytest.approx(1, abs=1e-4)

    @pytest.mark.parametrize("force", [0, sp.sin(3 * x * y)], ids=["consistent", "inconsistent"])
    def test_flow_out_through_given_slopes(self, force):
        """Slopes of the velocity at an outlet leave the pressure open, and ask something of the force."""
        p = pk.unknown("p", x, y)
        momentum = [sp.Eq(-pk.laplacian(u) + D(p, x), force), sp.Eq(-pk.laplacian(v) + D(p, y), 0)]
        held = [pk.Dirichlet(f, 0, where=side) for f in (u, v) for side in ("bottom", "top")]
        held += [pk.Dirichlet(u, y * (1 - y), where="left"), pk.Dirichlet(v, 0, where="left")]
        slopes = [pk.Neumann(f, 0, where="right") for f in (u, v)]
        equations = [*momentum, sp.Eq(D(u, x) + D(v, y), 0)]
        if force == 0:
            reference = fem_reference(stated(equations, [*held, *slopes]), FemOptions(max_dofs=8000))
            assert reference.evaluate([[0.7, 0.5]])["u"] == pytest.approx(0.25, abs=1e-6)
        else:
            said = refusal(equations, [*held, *slopes])
            assert "do not balance" in said.what
            assert "prescribe that unknown on part of the boundary" in said.mend


class TestBoundaries:
    def test_value_and_slope_at_one_end(self):
        line = pk.unknown("u", x)
        given = [pk.Dirichlet(line, 0, where="left"), pk.Neumann(line, 1, where="left")]
        said = refusal([sp.Eq(D(line, x, 2) + line, 0)], given, LINE)
        assert "the slope of u is given on 'left' beside the value" in said.what

    def test_flux_beside_the_value(self):
        given = [pk.Dirichlet(u, 0), pk.Flux("heat", 1, where="left")]
        said = refusal({"heat": sp.Eq(-pk.laplacian(u), 1)}, given)
        assert "the flux of heat is given on 'left'" in said.what
        assert "remove one of the two" in said.mend

    @pytest.mark.parametrize(
        ("fixed", "what", "mend"),
        [
            ([(w, "left"), (z, "left"), (w, "right")], "2 value(s) of w, z on 'left'", "remove a value"),
            ([(w, "left")], "0 value(s) of w, z on 'right'", "give a value on 'right'"),
        ],
        ids=["too many", "too few"],
    )
    def test_values_against_characteristics(self, fixed, what, mend):
        """w_t + z_x = 0 and z_t + w_x = 0 take one value at each end."""
        equations = [sp.Eq(D(w, t) + D(z, x), 0), sp.Eq(D(z, t) + D(w, x), 0)]
        given = [pk.Dirichlet(f, 0, where=side) for f, side in fixed]
        said = refusal(equations, [*given, pk.Initial(w, 0), pk.Initial(z, 0)], LINE)
        assert what in said.what
        assert mend in said.mend

    @pytest.mark.parametrize("side", ["right", "boundary"])
    def test_transport_held_where_it_leaves(self, side):
        given = [pk.Initial(w, 0), pk.Dirichlet(w, 0, where=side)]
        refusal([sp.Eq(D(w, t) + D(w, x), 0)], given, LINE)


class TestEquations:
    def test_point_source(self):
        half = sp.Rational(1, 2)
        point = sp.DiracDelta(x - half) * sp.DiracDelta(y - half)
        said = refusal([sp.Eq(-pk.laplacian(u), point)], [pk.Dirichlet(u, 0)])
        assert "is a point source" in said.what
        assert "width s" in said.mend

    def test_point_source_in_a_condition(self):
        said = refusal([sp.Eq(-pk.laplacian(u), 0)], [pk.Dirichlet(u, sp.DiracDelta(x))])
        assert "DiracDelta(x) is a point source" in said.what

    @pytest.mark.parametrize(
        ("equation", "start"),
        [
            (D(w, t) + D(w, x, 2), [pk.Initial(w, 0)]),
            (D(w, t, 2) + D(w, x, 2), [pk.Initial(w, 0), pk.InitialRate(w, 0)]),
        ],
        ids=["heat backwards", "elliptic in time"],
    )
    def test_ill_posed_in_time(self, equation, start):
        said = refusal([sp.Eq(equation, 0)], [pk.Dirichlet(w, 0), *start], LINE)
        assert "ill-posed forward in time" in said.what
        assert "sign" in said.mend

    def test_fully_nonlinear(self):
        operator = D(u, x, 2) * D(u, y, 2) - D(u, x, y) ** 2
        said = refusal([sp.Eq(operator, 1)], [pk.Dirichlet(u, 0)])
        assert "no divergence" in said.reason
        assert "exact" in said.mend

    @pytest.mark.parametrize(
        ("equation", "conditions", "domain", "order"),
        [
            (D(w, t) + w * D(w, x) + D(w, x, 3), [pk.Initial(w, 0), pk.Periodic(x)], LINE, 3),
            (D(u, x, 4) + D(u, y, 4), [pk.Dirichlet(u, 0), pk.Neumann(u, 0)], UNIT, 4),
        ],
        ids=["KdV", "biharmonic"],
    )
    def test_high_order(self, equation, conditions, domain, order):
        said = refusal([sp.Eq(equation, 0)], conditions, domain)
        assert f"order {order} in space" in said.reason
        assert "introduce an unknown" in said.mend

    def test_a_jump_before_second_derivatives(self):
        jumping = sp.Piecewise((1, x < y), (3, True))
        said = refusal([sp.Eq(-jumping * pk.laplacian(u), 1)], [pk.Dirichlet(u, 0)])
        assert "jumps" in said.reason
        assert "div(a*grad(u))" in said.mend

    def test_traction_of_an_expanded_stress(self):
        rows = [[3 * D(u, x) + D(v, y), D(u, y) + D(v, x)], [D(u, y) + D(v, x), D(u, x) + 3 * D(v, y)]]
        equations = {n: pk.div(r, [x, y]).doit() for n, r in zip(("along", "up"), rows, strict=True)}
        held = [pk.Dirichlet(f, 0, where=s) for f in (u, v) for s in ("left", "bottom", "top")]
        said = refusal(
            equations, [*held, pk.Flux("along", 1, where="right"), pk.Flux("up", 0, where="right")]
        )
        assert "F·n of equation 'along' on 'right'" in said.what
        assert "div(stress)" in said.mend


def test_from_a_problem_file(tmp_path):
    """What Python refuses a file is refused too, in the same words."""
    place = tmp_path / "bad.yaml"
    place.write_text(
        "name: bad\ncoordinates: [x, y]\nunknowns: [u]\n"
        "domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}\n"
        "equations: ['-laplacian(u) = 1']\nconditions: [{neumann: {u: 0}, where: boundary}]\n"
    )
    with pytest.raises(ReferenceUnavailable, match="do not balance"):
        fem_reference(pk.read(place).problem)


def test_declared_in_a_file_and_solved(tmp_path):
    """A clamped plate, a convected tensor and a radiating side, as problem files say them."""
    texts = {
        "plate": "unknowns: [u, m]\nequations: ['laplacian(m) = 1', 'm = laplacian(u)']\n"
        "conditions: [{dirichlet: {u: 0}, where: boundary}, {neumann: {u: 0}, where: boundary}]\n",
        "oven": "unknowns: [u]\nequations: {heat: '-div((1 + x)*grad(u)) + y*u_x = 1'}\n"
        "conditions: [{dirichlet: {u: 1}, where: left}, {neumann: {u: 0}, where: bottom}, "
        "{neumann: {u: 0}, where: top}, {expression: 'n_x*u_x + n_y*u_y + u**4 - 1', where: right}]\n",
    }
    for name, text in texts.items():
        place = tmp_path / f"{name}.yaml"
        domain = "domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}\n"
        place.write_text(f"name: {name}\ncoordinates: [x, y]\n{domain}{text}")
        reference = fem_reference(pk.read(place).problem, FemOptions(max_dofs=6000), tolerance=1e-1)
        assert max(reference.error_bar.values()) < 1e-1


def test_coupled_values_are_told_apart_from_a_field_of_their_own():
    """A time with no time derivative is no problem in time."""
    said = refusal([sp.Eq(-pk.laplacian(flat), t)], [pk.Dirichlet(flat, 0)])
    assert "a time but no time derivative" in said.what


class TestPoints:
    def test_a_spike_is_refused(self):
        point = pk.PointValue(u, 1, at=(0.5, 0.5))
        said = refusal([sp.Eq(-pk.laplacian(u), 1)], [pk.Dirichlet(u, 0), point])
        assert "spike" in said.what

    def test_a_constant_that_two_unknowns_share_is_fixed_by_one(self):
        wave = sp.cos(sp.pi * x)
        equations = [sp.Eq(-pk.laplacian(a) + a - b, sp.pi**2 * wave) for a, b in ((u, v), (v, u))]
        conditions = [pk.Neumann(u, 0), pk.Neumann(v, 0), pk.PointValue(u, 1, at=(0, 0))]
        reference = fem_reference(stated(equations, conditions), tolerance=1e-1)
        assert abs(reference.evaluate([[0.0, 0.3]])["v"][0] - 1) < 1e-2
