"""Orders of the back-ends, their boundary conditions, and what each refuses."""

from __future__ import annotations

import exponax
import jax
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms import FormUnavailable
from pinnkit.simulate.choose import choose
from pinnkit.simulate.finite_difference import FiniteDifferences
from pinnkit.simulate.finite_volume import FiniteVolumes
from pinnkit.simulate.forward import ForwardOptions, simulate
from pinnkit.simulate.simulator import declared_inputs, needed_fields
from pinnkit.simulate.spectral import Spectral

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 0.2)
u = pk.unknown("u", x, t)
D = sp.Derivative


def rate_of(simulator):
    inputs = declared_inputs(simulator.problem)
    return np.asarray(jax.jit(simulator.rate)(0.0, simulator.start(inputs), inputs))


def end_conditions(kind, exact):
    rows = []
    for place, end, sign in (("left", 0, -1), ("right", 1, 1)):
        value, slope = exact.subs(x, end), sign * sp.diff(exact, x).subs(x, end)
        rows.append({
            "dirichlet": pk.Dirichlet(u, value, place),
            "neumann": pk.Neumann(u, slope, place),
            "robin": pk.Robin(u, 2, 3, 2 * value + 3 * slope, place),
        }[kind])  # fmt: skip
    return rows


@pytest.mark.parametrize("order", [2, 4, 6])
@pytest.mark.parametrize("kind", ["dirichlet", "neumann", "robin"])
def test_finite_differences_have_their_order_with_walls(order, kind):
    exact = sp.exp(sp.sin(2 * x))
    source = sp.diff(exact, x, 2) - exact
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2)) + u + source],
        [pk.Initial(u, exact), *end_conditions(kind, exact)],
    )  # fmt: skip
    errors = []
    for count in (32, 64):
        simulator = FiniteDifferences(problem, (count,), order)
        inputs = declared_inputs(problem)
        values = simulator.start(inputs)
        matrix = np.asarray(jax.jacfwd(lambda v, s=simulator, i=inputs: s.rate(0.0, v, i))(values))[0, :, 0]
        eigenvalues = np.linalg.eigvals(matrix)
        assert eigenvalues.real.max() < 0
        assert np.abs(eigenvalues.imag).max() < 1e-6 * np.abs(eigenvalues).max()
        errors.append(np.abs(np.linalg.solve(matrix, rate_of(simulator)[0])).max())
    assert np.log2(errors[0] / errors[1]) > order - 0.35


@pytest.mark.parametrize("order", [2, 4, 6])
def test_finite_differences_have_their_order_inside(order):
    start = sp.exp(sp.sin(2 * sp.pi * x))
    equation = D(u, t) - u * D(u, x) - D(u, (x, 2)) + D(u, (x, 3)) / 100
    problem = pk.Problem("p", pk.Interval(0, 1), [equation], [pk.Initial(u, start), pk.Periodic(x)])
    truth = sp.lambdify(x, start * sp.diff(start, x) + sp.diff(start, x, 2) - sp.diff(start, x, 3) / 100)
    errors = []
    for count in (64, 128):
        simulator = FiniteDifferences(problem, (count,), order)
        errors.append(np.sqrt(np.mean((rate_of(simulator)[0] - truth(simulator.grid.line(0))) ** 2)))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.1)


def test_muscl_is_of_second_order_on_smooth_flow():
    start = sp.exp(sp.sin(2 * sp.pi * x))
    truth = sp.lambdify(x, -start * sp.diff(start, x))
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) + D(u**2 / 2, x)], [pk.Initial(u, start), pk.Periodic(x)]
    )
    errors = []
    for count in (1024, 2048):
        simulator = FiniteVolumes(problem, (count,))
        errors.append(np.mean(np.abs(rate_of(simulator)[0] - truth(simulator.grid.line(0)))))
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)


def test_finite_volumes_conserve_and_keep_shocks_where_they_belong():
    start = sp.Piecewise((1, x < 0.3), (0, True))
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) + D(u**2 / 2, x)],
        [pk.Initial(u, start), pk.Dirichlet(u, 1, "left")],
    )  # fmt: skip
    assert choose(problem)[0] == "finite_volume"
    field = simulate(problem, ForwardOptions(points=200)).field
    values = field(np.array([[0.37, 0.2], [0.43, 0.2]]))["u"]  # the shock travels at speed 1/2
    np.testing.assert_allclose(values, [1, 0], atol=1e-3)


def test_etdrk_from_the_declaration_matches_exponax():
    length = 60.0
    start = sp.cos(2 * sp.pi * x / length) * (1 + sp.sin(4 * sp.pi * x / length))
    equation = D(u, t) + u * D(u, x) + D(u, (x, 2)) + D(u, (x, 4))
    problem = pk.Problem("p", pk.Interval(0, length), [equation], [pk.Initial(u, start), pk.Periodic(x)])
    assert choose(problem)[0] == "spectral"
    ours, inputs = Spectral(problem, (128,)), declared_inputs(problem)
    theirs = exponax.stepper.KuramotoSivashinskyConservative(1, length, 128, 0.1, order=4)
    first = ours.start(inputs)
    a = exponax.repeat(ours.stepper(0.1, inputs), 200)(ours.with_time(first, 0.0))
    b = exponax.repeat(theirs, 200)(first)
    np.testing.assert_allclose(a[0], b[0], atol=1e-10)
    np.testing.assert_allclose(a[1], 20.0, rtol=1e-12)


def test_etdrk_is_of_fourth_order_with_odd_derivatives():
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) + u * D(u, x) + D(u, (x, 3)) / 400],
        [pk.Initial(u, sp.cos(2 * sp.pi * x)), pk.Periodic(x)],
    )  # fmt: skip
    simulator, inputs = Spectral(problem, (32,)), declared_inputs(problem)
    start = simulator.with_time(simulator.start(inputs), 0.0)
    ends = [exponax.repeat(simulator.stepper(0.2 / n, inputs), n)(start)[0] for n in (32, 64, 512)]
    errors = [np.abs(end - ends[-1]).max() for end in ends[:-1]]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.4)


def test_forcing_in_time_is_seen_by_the_spectral_steps():
    problem = pk.Problem(
        "p", pk.Interval(0, 2 * sp.pi), [D(u, t) - D(u, (x, 2)) - sp.cos(t) - sp.sin(x) * sp.exp(-t) * 0],
        [pk.Initial(u, sp.sin(x)), pk.Periodic(x)],
    )  # fmt: skip
    field = simulate(problem, ForwardOptions(points=16)).field
    points = np.array([[1.0, 0.15], [4.0, 0.2]])
    truth = np.exp(-points[:, 1]) * np.sin(points[:, 0]) + np.sin(points[:, 1])
    np.testing.assert_allclose(field(points)["u"], truth, atol=1e-7)


def test_walls_are_refused_by_the_spectral_back_end():
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2))], [pk.Initial(u, 0), pk.Dirichlet(u, 0)]
    )
    with pytest.raises(FormUnavailable, match="walls"):
        Spectral(problem, (16,))


def test_what_is_no_conservation_law_is_refused_by_finite_volumes():
    problem = pk.Problem("p", pk.Interval(0, 1), [D(u, (t, 2)) - D(u, (x, 2))],
                         [pk.Initial(u, 0), pk.InitialRate(u, 0), pk.Dirichlet(u, 0)])  # fmt: skip
    with pytest.raises(FormUnavailable, match="conserves"):
        FiniteVolumes(problem, (16,))


def test_nonlinear_conditions_are_refused_on_grids():
    problem = pk.Problem(
        "p", pk.Interval(0, 1), {"burgers": D(u, t) + D(u**2 / 2, x) - D(u, (x, 2))},
        [pk.Initial(u, 0), pk.Flux("burgers", 0, "left"), pk.Dirichlet(u, 0, "right")],
    )  # fmt: skip
    with pytest.raises(FormUnavailable, match="nonlinear"):
        FiniteDifferences(problem, (16,))


def test_an_inferred_source_is_part_of_the_linear_rate():
    source = pk.unknown("source", x, infer=True)
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2)) + u**3 - source],
        [pk.Initial(u, sp.sin(sp.pi * x)), pk.Dirichlet(u, 0)], [pk.Observations(u, "unread.csv")],
    )  # fmt: skip
    simulator = FiniteDifferences(problem, (16,))
    inputs = declared_inputs(problem)._replace(fields={j: np.ones(16) for j in needed_fields(simulator)})
    values = simulator.start(inputs)
    parts = simulator.linear_rate(0.0, values, inputs) + simulator.rest_rate(0.0, values, inputs)
    np.testing.assert_allclose(parts, simulator.rate(0.0, values, inputs), atol=1e-12)


def test_an_inferred_flux_of_time_is_that_of_finite_volumes():
    def rate(flux, observations=(), fields=None):
        problem = pk.Problem(
            "p", pk.Interval(0, 1), {"burgers": D(u, t) + D(u**2 / 2, x)},
            [pk.Initial(u, 1 + x), pk.Flux("burgers", flux, "left")], observations,
        )  # fmt: skip
        simulator, inputs = FiniteVolumes(problem, (16,)), declared_inputs(problem)
        inputs = inputs._replace(fields=dict.fromkeys(needed_fields(simulator), fields))
        return simulator.rate(0.0, simulator.start(inputs), inputs)

    seen = [pk.Observations(u, "unread.csv")]
    found = rate(pk.unknown("g", t, infer=True), seen, lambda t: -0.7 + t)
    np.testing.assert_allclose(found, rate(sp.Float(-0.7) + t), atol=1e-14)
    with pytest.raises(FormUnavailable, match="inferred data of more than time"):
        rate(pk.unknown("h", x, infer=True), seen)
