"""Parameters and fields of steady problems from observations on shapes."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.simulate.inverse import infer
from pinnkit.simulate.model import InverseOptions
from pinnkit.simulate.steady import SteadyModel, SteadyOptions, solve

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
DISK = pk.Disk((0, 0), 1)


def sensors(folder, function, count=200, noise=0.0):
    draw = np.random.default_rng(0)
    r, angle = np.sqrt(draw.uniform(0, 0.9, count)), draw.uniform(0, 2 * np.pi, count)
    points = np.stack([r * np.cos(angle), r * np.sin(angle)], axis=1)
    path = folder / "sensors.csv"
    values = function(*points.T) + noise * draw.normal(size=count)
    np.savetxt(path, np.c_[points, values], delimiter=",", header="x,y,u", comments="")
    return str(path)


def test_parameters_with_their_intervals(tmp_path):
    """−k Δu = f with u = (1 − r²) f/(4k), and a shift of the boundary value."""
    k = pk.parameter("k", 1.0, infer=True, bounds=(0.1, 10))
    c = pk.parameter("c", 0.0, infer=True, bounds=(-1, 1))
    path = sensors(tmp_path, lambda a, b: 0.3 + (1 - a**2 - b**2) / 2, noise=0.01)
    problem = pk.Problem(
        "disk", DISK, [-k * pk.laplacian(u) - 4], [pk.Dirichlet(u, c)], [pk.Observations(u, path, noise=0.01)]
    )
    found = solve(problem, SteadyOptions(degree=2, cells=4), InverseOptions())
    assert found.parameters["k"] == pytest.approx(2, rel=0.02)
    assert found.parameters["c"] == pytest.approx(0.3, abs=0.01)
    assert any("90 % interval" in note for note in found.notes)
    assert any("singular values" in note for note in found.notes)


def test_a_field_and_where_data_decide_on_it(tmp_path):
    a = pk.unknown("a", x, y, infer=True)
    exact, field = 1 - x**2 - y**2, 1 + sp.Rational(3, 10) * x * y
    source = -pk.div(field * pk.grad(exact, [x, y]), [x, y])
    path = sensors(tmp_path, sp.lambdify((x, y), exact), noise=1e-3)
    problem = pk.Problem(
        "disk", DISK, [sp.Eq(-pk.div(a * pk.grad(u)), source)],
        [pk.Dirichlet(u, 0), pk.Dirichlet(a, field)], [pk.Observations(u, path, noise=1e-3)],
    )  # fmt: skip
    model = SteadyModel(problem, SteadyOptions(degree=2, cells=5), InverseOptions(intervals=4))
    _, estimate = infer(model)
    points = np.random.default_rng(1).uniform(-0.65, 0.65, (300, 2))
    found = model.fields[0].at_points(points) @ estimate.coefficients["a"].ravel()
    assert np.abs(found - 1 - 0.3 * points[:, 0] * points[:, 1]).max() < 0.03
    assert estimate.resolution["a"].shape == model.fields[0].shape
    places, weights = model.fields[0].scattered(points, (1, 0))
    slope = np.sum(np.ravel(estimate.coefficients["a"])[places] * weights, axis=1)
    shifted = model.fields[0].at_points(points + np.array([1e-6, 0])) @ estimate.coefficients["a"].ravel()
    np.testing.assert_allclose(slope, (shifted - found) / 1e-6, atol=1e-5)


@pytest.mark.parametrize(
    ("row", "says"), [("2,0,1", "outside the domain"), ("nan,0,1", "finite numbers"), ("", "no point")]
)
def test_bad_data_are_refused(row, says, tmp_path):
    k = pk.parameter("k", 1.0, infer=True)
    path = tmp_path / "bad.csv"
    path.write_text(f"x,y,u\n{row}\n")
    problem = pk.Problem(
        "disk", DISK, [-k * pk.laplacian(u) - 4], [pk.Dirichlet(u, 0)], [pk.Observations(u, str(path))]
    )
    with pytest.raises(pk.DeclarationError, match=says):
        solve(problem, SteadyOptions(degree=1, cells=3), InverseOptions())


def test_too_few_data_are_refused(tmp_path):
    k, c = pk.parameter("k", 1.0, infer=True), pk.parameter("c", 1.0, infer=True)
    path = sensors(tmp_path, lambda a, b: a, count=1)
    problem = pk.Problem(
        "disk", DISK, [-k * pk.laplacian(u) - c], [pk.Dirichlet(u, 0)], [pk.Observations(u, path)]
    )
    with pytest.raises(pk.DeclarationError, match="1 observation"):
        solve(problem, SteadyOptions(degree=1, cells=3), InverseOptions())
