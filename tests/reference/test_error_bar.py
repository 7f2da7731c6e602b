"""Honesty: the error bar is above the truth, by no more than a factor of five."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import FemOptions, ReferenceUnavailable, fem_reference
from pinnkit.reference.error_bar import SAFETY, error_bars

from . import honest
from . import problems as known


@pytest.mark.parametrize("problem", honest.problems(), ids=lambda p: p.name)
def test_bar_over_truth(problem):
    reference = fem_reference(problem, tolerance=1e-4)
    assert max(reference.error_bar.values()) <= 1e-5
    for name, error in honest.true_errors(reference, problem).items():
        assert error <= reference.error_bar[name] <= 5 * error, name


@pytest.mark.parametrize("degree", [1, 2])
@pytest.mark.parametrize(
    "problem", [honest.layer(), known.poisson_disk(), honest.step()], ids=lambda p: p.name
)
def test_bars_of_low_degrees(problem, degree):
    reference = fem_reference(problem, FemOptions(degree=degree), tolerance=3e-2)
    error = honest.true_errors(reference, problem)["u"]
    assert error <= reference.error_bar["u"] <= 5 * error


@pytest.mark.parametrize(
    "problem",
    [known.poisson_disk(), known.nonlinear_poisson(), known.heat_disk(), honest.peak()],
    ids=lambda p: p.name,
)
def test_two_meshes_are_enough_for_an_honest_bar(problem):
    """Their rate of convergence cannot be seen; how the parts of highest degree shrink shows it."""
    reference = fem_reference(problem, FemOptions(max_dofs=6000), tolerance=1e-9)
    assert "2 meshes" in reference.notes[0]
    error = honest.true_errors(reference, problem)["u"]
    assert error <= reference.error_bar["u"] <= 5 * error


def test_kovasznay():
    problem = known.kovasznay()
    reference = fem_reference(problem, tolerance=1e-3)
    points = known.scattered(problem)
    found, wanted = reference.evaluate(points), known.kovasznay_exact(points)
    for name in "uvp":
        a, b = found[name], wanted[name]
        if reference.up_to_constant[name]:
            a, b = a - a.mean(), b - b.mean()
        error = np.linalg.norm(a - b) / np.linalg.norm(b)
        assert error <= reference.error_bar[name] <= 5 * error, name


def test_tighter_tolerances_give_smaller_bars():
    bars = [fem_reference(known.poisson_square(), tolerance=t).error_bar["u"] for t in (1e-2, 1e-8)]
    assert bars[1] <= 1e-9 < bars[0]


def test_a_limit_is_said():
    reference = fem_reference(known.poisson_disk(), FemOptions(max_dofs=2000), tolerance=1e-12)
    assert any("the reference is the limit" in note for note in reference.notes)
    assert reference.error_bar["u"] > 1e-13


def test_no_second_mesh_no_reference():
    with pytest.raises(ReferenceUnavailable, match="one gives no error bar"):
        fem_reference(known.poisson_disk(), FemOptions(max_dofs=100))


def test_richardson():
    """Differences that shrink by 8 with elements of degree 2 leave a seventh of the last one."""
    bars = error_bars([{"u": np.array([8e-3])}, {"u": np.array([1e-3])}], {"u": 2}, {"u": 8.0})
    assert bars["u"] == pytest.approx(SAFETY * 1e-3 / 7)


def test_luck_on_coarse_meshes_is_not_believed():
    bars = error_bars([{"u": np.array([1.0])}, {"u": np.array([1e-3])}], {"u": 1}, {"u": 4.0})
    assert bars["u"] == pytest.approx(SAFETY * 1e-3 / 3)


def test_progress_is_told():
    heard = []

    def hear(what: str, part: float) -> None:
        heard.append((what, part))

    fem_reference(known.travelling_wave(), tolerance=1e-2, progress=hear)
    assert all(0 <= part <= 1 for _, part in heard)
    assert len({what for what, _ in heard}) >= 3


def test_an_unknown_that_is_zero_is_measured_by_its_fellows():
    """Poiseuille flow has no velocity across: only its error is left of it, of which no part is relative."""
    p, speed = pk.unknown("p", known.x, known.y), 4 * known.y * (1 - known.y)
    flow = (known.u, known.v)
    force = pk.grad(p, [known.x, known.y])
    equations = [sp.Eq(-pk.laplacian(c) + f, 0) for c, f in zip(flow, force, strict=True)]
    equations.append(sp.Eq(pk.div(flow, [known.x, known.y]), 0))
    conditions = [pk.Dirichlet(known.u, speed), pk.Dirichlet(known.v, 0)]
    problem = pk.Problem(name="channel", domain=known.UNIT, equations=equations, conditions=conditions)
    reference = fem_reference(problem)
    assert reference.vanishing == {"v"}
    assert reference.error_bar["v"] <= 1e-10
    assert any("v: zero within the error" in note for note in reference.notes)
    assert not any("the limit" in note for note in reference.notes)
