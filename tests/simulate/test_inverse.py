"""Parameters and fields from observations, their uncertainty, and bad data."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.simulate.estimate import widened
from pinnkit.simulate.forward import ForwardOptions
from pinnkit.simulate.inverse import infer, solve
from pinnkit.simulate.model import InverseOptions, Model
from pinnkit.simulate.resolution import resolution_map, well_seen

x = pk.coordinates("x")
t = pk.time("t", 0, 0.3)
u = pk.unknown("u", x, t)
D = sp.Derivative
TRUTH = {"k": 0.5, "r": 2.0}


def observed(folder, function, count=300, noise=0.0, times=(0.0, 0.3)):
    draw = np.random.default_rng(0)
    points = np.stack([draw.uniform(0, 1, count), draw.uniform(*times, count)], axis=1)
    values = function(*points.T) + noise * draw.normal(size=count)
    path = folder / "sensors.csv"
    np.savetxt(path, np.c_[points, values], delimiter=",", header="x,t,u", comments="")
    return str(path)


def decay(path, noise, bounds=(0.01, 5)):
    k, r = pk.parameter("k", 1.0, infer=True, bounds=bounds), pk.parameter("r", 0.5, infer=True)
    return pk.Problem(
        "decay", pk.Interval(0, 1), [D(u, t) - k * D(u, (x, 2)) + r * u],
        [pk.Initial(u, sp.sin(sp.pi * x) + sp.sin(3 * sp.pi * x)), pk.Dirichlet(u, 0)],
        [pk.Observations(u, path, noise)],
    )  # fmt: skip


def exact(xs, ts):
    slow, fast = (TRUTH["k"] * (n * np.pi) ** 2 + TRUTH["r"] for n in (1, 3))
    return np.exp(-slow * ts) * np.sin(np.pi * xs) + np.exp(-fast * ts) * np.sin(3 * np.pi * xs)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    from pinnkit.driver.numerics import numerics

    with numerics():
        problem = decay(observed(tmp_path_factory.mktemp("data"), exact, noise=0.01), 0.01)
        model = Model(problem, ForwardOptions(points=32), InverseOptions())
        return (model, *infer(model))


def test_parameters_lie_within_their_uncertainty(fitted):
    _, _, estimate = fitted
    for name, value in TRUTH.items():
        assert abs(estimate.parameters[name] - value) < 3.5 * estimate.deviations[name]
    assert estimate.deviations["k"] < 0.01
    assert estimate.misfit == pytest.approx(1, abs=0.25)
    assert len(estimate.singular_values) == 2


def test_ninety_per_cent_intervals_cover_as_often(fitted):
    model, theta, _ = fitted
    draw, held = np.random.default_rng(2), []
    truth = np.array([TRUTH["k"], TRUTH["r"]]) / model.scales
    clean = np.asarray(model.simulated(truth))
    model.start = theta
    for _ in range(60):
        _, estimate = infer(model, clean + draw.normal(size=len(clean)))
        held += [low <= TRUTH[n] <= high for n, (low, high) in estimate.intervals.items()]
    assert 0.8 < np.mean(held) < 0.98


def test_the_solution_has_the_inferred_values(tmp_path):
    found = solve(decay(observed(tmp_path, exact), 0.0), ForwardOptions(points=48), InverseOptions())
    assert found.parameters["k"] == pytest.approx(0.5, rel=1e-4)
    assert found.parameters["r"] == pytest.approx(2.0, rel=1e-3)


def test_a_parameter_on_its_bound_is_told(tmp_path):
    problem = decay(observed(tmp_path, exact, count=60), 0.01, bounds=(0.8, 5))
    found = solve(problem, ForwardOptions(points=24), InverseOptions())
    assert found.parameters["k"] == pytest.approx(0.8)
    assert any("on its bound" in note for note in found.notes)


def test_too_few_observations_and_those_in_another_unit_of_time_are_refused(tmp_path):
    with pytest.raises(pk.DeclarationError, match="1 observation"):
        Model(decay(observed(tmp_path, exact, count=1), 0.1), ForwardOptions(points=16), InverseOptions())
    problem = decay(observed(tmp_path, exact, times=(0, 300)), 0.1)
    with pytest.raises(pk.DeclarationError, match="outside"):
        Model(problem, ForwardOptions(points=16), InverseOptions())


def test_an_initial_state_is_recovered_and_what_is_lost_is_said(tmp_path):
    start = pk.unknown("a", x, infer=True)
    path = observed(tmp_path, lambda xs, ts: np.exp(-0.1 * np.pi**2 * ts) * np.sin(np.pi * xs), noise=1e-3)
    problem = pk.Problem(
        "start", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2)) / 10],
        [pk.Initial(u, start), pk.Dirichlet(u, 0)], [pk.Observations(u, path, 1e-3)],
    )  # fmt: skip
    model = Model(problem, ForwardOptions(points=32), InverseOptions(intervals=6))
    _, estimate = infer(model)
    line = np.linspace(0.02, 0.98, 49)
    field = model.fields[0].on_lines(estimate.coefficients["a"], [line], (0,))
    np.testing.assert_allclose(field, np.sin(np.pi * line), atol=0.02)
    seen = resolution_map(model.fields[0], estimate.resolution["a"], [line])
    assert np.all((seen > -1e-6) & (seen < 1 + 1e-6))
    assert any("smoothness weighed" in note for note in estimate.notes)


def test_the_error_of_a_given_grid_widens_the_intervals(tmp_path):
    problem = decay(observed(tmp_path, exact, noise=1e-4), 1e-4)
    model = Model(problem, ForwardOptions(points=8, order=2), InverseOptions())
    theta, alone = infer(model)
    off = {name: abs(alone.parameters[name] - value) for name, value in TRUTH.items()}
    assert off["k"] > 10 * alone.deviations["k"]  # the data are exact, the grid is not
    found = widened(model, theta, alone)
    assert all(off[name] < 3 * found.deviations[name] for name in TRUTH)
    assert found.deviations["k"] < 2 * off["k"]
    assert any("twice as many cells" in note for note in found.notes)


def test_what_only_enlarged_errors_would_show_is_not_resolved():
    # The third of three values is seen a hundred times more faintly than the others, whatever the noise.
    seen = well_seen(np.diag([1.0, 1.0, 1e-4]), np.eye(3))
    assert seen[0] > 0.9
    assert seen[2] < 0.01
    np.testing.assert_allclose(well_seen(1e6 * np.diag([1.0, 1.0, 1e-4]), np.eye(3)), seen)
    np.testing.assert_allclose(well_seen(np.zeros((3, 3)), np.eye(3)), 0)
