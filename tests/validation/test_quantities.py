"""Quantities of interest in a comparison: what they decide, what they say, and how they are stored."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.solution import Record, Solution
from pinnkit.solution.quantities import Estimate
from pinnkit.solution.run_directory import plain
from pinnkit.validation import compare

x = pk.coordinates("x")
u = pk.unknown("u", x)


class Known:
    """A reference that is right about u, with quantities of its own."""

    kind, names, error_bar, notes = "fem", ("u",), {"u": 0.0}, ()

    def __init__(self, **found):
        self._found = found

    def evaluate(self, points):
        return {"u": points[:, 0]}

    def quantities(self):
        return self._found


def judged(truth, field=lambda p: {"u": p[:, 0]}, expression=u, **details):
    """u = x, whose mean is ½, against ``truth``."""
    mean = pk.Quantity("mean", expression, over="domain", mean=True, **details)
    problem = pk.Problem(
        "line", pk.Interval(0, 1), [sp.Derivative(u, (x, 2))], [pk.Dirichlet(u, x)], quantities=[mean]
    )
    return compare(Solution(problem, field, Record("pinn")), Known(mean=truth), 1e-2)


def test_without_a_tolerance_it_decides_nothing():
    found = judged(Estimate(5.0, 0.0))
    (mean,) = found.quantities
    assert found.passed
    assert mean.status is None
    assert mean.difference == pytest.approx(0.9)
    assert "quantity mean" not in found.verdict


@pytest.mark.parametrize(
    ("truth", "status", "words"),
    [
        (Estimate(0.5025, 1e-6), "passed", "mean passed: relative difference 4.98e-03, within"),
        (Estimate(0.52, 1e-6), "missed", "mean missed: relative difference 0.0385 against the tolerance"),
        (Estimate(0.52, 0.01), "limited", "the reference is the limit: relative difference 0.0385"),
        (Estimate(1.0, float("nan"), "data hold no boundary"), "limited", "undecided: no reference, data"),
    ],
)  # fmt: skip
def test_with_a_tolerance_it_decides_with_the_rest(truth, status, words):
    found = judged(truth, tolerance=1e-2)
    assert found["u"].status == "passed"
    assert found.status == found.quantities[0].status == status
    assert found.passed is (status == "passed")
    assert words in found.verdict


def test_a_field_that_misses_is_not_saved_by_its_quantities():
    found = judged(Estimate(0.5, 0.0), lambda p: {"u": 1.2 * p[:, 0] - 0.1}, tolerance=1e-2)
    assert found.quantities[0].status == "passed"
    assert found.status == "missed"


def test_a_reference_of_zero_gives_an_absolute_difference():
    mean = judged(Estimate(1e-9, 1e-8), tolerance=0.6).quantities[0]
    assert mean.absolute
    assert mean.difference == pytest.approx(0.5)
    assert mean.status == "passed"
    assert "absolute difference 0.5" in mean.sentence
    assert "* absolute" in str(judged(Estimate(0.0, 0.0)))


def test_what_is_not_finite_fails():
    found = judged(Estimate(0.5, 0.0), expression=sp.sqrt(u - 2), tolerance=1e-2)
    assert found.status == "failed"
    assert found.quantities[0].value is None
    assert "quantity mean failed: the solution's value is not finite." in found.verdict


def test_what_the_solution_does_not_tell_is_said():
    found = judged(Estimate(1.0, 0.0), expression=u.diff(x), tolerance=1e-2)
    assert found.status == "limited"
    assert "'pinn' gives no derivatives" in found.verdict


def test_a_rough_integrand_is_undecided():
    rough = sp.Heaviside(u - sp.sqrt(3) / 3) * 1e3
    found = judged(Estimate(1e3 * (1 - np.sqrt(3) / 3), 0.0), expression=rough, tolerance=1e-9)
    assert found.status == "limited"
    assert "the solution's quadrature is good to" in found.verdict


def test_text_and_json_show_both_numbers():
    found = judged(Estimate(0.5025, 1e-6), tolerance=1e-2)
    lines = [line.split() for line in str(found).splitlines()]
    assert ["quantity", "solution", "reference", "±", "error", "difference", "tolerance"] in lines
    assert ["mean", "0.5", "0.5025", "1.00e-06", "4.98e-03", "0.01", "passed"] in lines
    stored = json.loads(json.dumps(plain(found.to_dict())))["quantities"]["mean"]
    assert stored["value"] == pytest.approx(0.5)
    assert (stored["reference"], stored["reference_error"]) == (0.5025, 1e-6)
    assert stored["difference"] == pytest.approx(0.0025 / 0.5025)
    assert stored["status"] == "passed"


def test_problems_without_quantities_need_none_of_the_reference():
    problem = pk.Problem("line", pk.Interval(0, 1), [sp.Derivative(u, (x, 2))], [pk.Dirichlet(u, x)])
    reference = Known()
    reference.quantities = None
    found = compare(Solution(problem, lambda p: {"u": p[:, 0]}, Record("pinn")), reference, 1e-2)
    assert found.quantities == ()
    assert found.to_dict()["quantities"] == {}
    assert "quantity" not in str(found)
    assert np.isfinite(found["u"].relative_l2)
