"""Scores against hand-computed ones, and the verdict each of them leads to."""

import json

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.solution import Record, Solution
from pinnkit.solution.run_directory import plain
from pinnkit.validation import compare

x, y = pk.coordinates("x y")


class Known:
    """A reference given by a function."""

    kind = "exact"
    notes = ()

    def __init__(self, function, **bars):
        self.evaluate, self.names, self.error_bar = function, tuple(bars), bars


class Table(Known):
    """A reference known at points of its own."""

    kind = "data"

    def __init__(self, points, weights, values):
        super().__init__(lambda p: {"u": values}, u=0.0)
        self.points, self.weights = points, weights


def solution(function, value=0, at="boundary"):
    u = pk.unknown("u", x)
    problem = pk.Problem("line", pk.Interval(0, 1), [sp.Derivative(u, (x, 2))], [pk.Dirichlet(u, value, at)])
    return Solution(problem, lambda p: {"u": function(p[:, 0])}, Record("pinn"))


def reference(function, bar=0.0):
    return Known(lambda p: {"u": function(p[:, 0])}, u=bar)


def test_errors_by_hand():
    field = compare(solution(lambda s: s + 0.01 * s**2), reference(lambda s: s), 1e-2)["u"]
    assert field.relative_l2 == pytest.approx(0.01 * np.sqrt(3 / 5), rel=1e-10)
    # The largest error stands at the end, which no quadrature point reaches.
    assert field.max_error == pytest.approx(0.01, rel=1e-3)
    assert field.relative_max == pytest.approx(0.01, rel=1e-3)
    assert field.status == "passed"
    assert not field.limited_by_reference


def test_trivial_score_is_zero_or_the_boundary_mean():
    zero = compare(solution(lambda s: s), reference(lambda s: s * (1 - s)), 1e-2)["u"]
    assert (zero.trivial, zero.trivial_kind) == (1.0, "zero")
    mean = compare(solution(lambda s: s), reference(lambda s: 2 + s), 1e-2)["u"]
    # Boundary values 2 and 3 average to 2.5: ‖s − ½‖ / ‖2 + s‖ = √(1/12) / √(19/3).
    assert mean.trivial == pytest.approx(np.sqrt(1 / 12 / (19 / 3)), rel=1e-3)
    assert mean.trivial_kind == "boundary mean"


def test_worse_than_trivial_is_said():
    judged = compare(solution(lambda s: 2 + 0 * s), reference(lambda s: 2 + s), 1e-2)
    assert judged.status == "trivial"
    assert "no better than the trivial solution" in judged.verdict
    assert "boundary mean" in judged.verdict
    assert not judged.passed


def test_missed_is_said():
    judged = compare(solution(lambda s: 1.1 * s), reference(lambda s: s), 1e-2)
    assert judged.status == "missed"
    assert judged.verdict == "u missed: relative L2 0.1 against the tolerance 0.01."


def test_the_reference_can_be_the_limit():
    judged = compare(solution(lambda s: 1.02 * s), reference(lambda s: s, bar=0.01), 1e-2)
    assert judged.status == "limited"
    assert not judged.passed
    assert "the reference is the limit" in judged.verdict
    above = compare(solution(lambda s: 1.04 * s), reference(lambda s: s, bar=0.01), 1e-2)
    assert above.status == "missed"
    within = compare(solution(lambda s: 1.005 * s), reference(lambda s: s, bar=0.01), 1e-2)
    assert within.passed
    assert within["u"].limited_by_reference


def test_a_reference_of_zero_is_compared_absolutely():
    judged = compare(solution(lambda s: 1e-3 * s), reference(lambda s: 0 * s), 1e-2)
    field = judged["u"]
    assert field.absolute
    assert field.relative_l2 == pytest.approx(1e-3 / np.sqrt(3), rel=1e-9)
    assert field.trivial == 0
    assert judged.passed
    assert "root mean square" in str(judged)


def test_a_solution_that_is_not_finite_failed():
    judged = compare(solution(lambda s: np.where(s < 0.5, np.nan, s)), reference(lambda s: s), 1e-2)
    assert judged.status == "failed"
    assert "not finite" in judged.verdict
    json.dumps(plain(judged.to_dict()), allow_nan=False)


def test_data_are_compared_at_their_own_points_with_their_weights():
    points, weights = np.array([[0.0], [0.5], [1.0]]), np.array([0.25, 0.5, 0.25])
    judged = compare(solution(lambda s: s), Table(points, weights, np.array([0.0, 0.5, 2.0])), 1e-2)
    # Only the last point differs: error 1 with weight ¼, size ½·¼ + ¼·4.
    assert judged["u"].relative_l2 == pytest.approx(np.sqrt(0.25 / 1.125))


def test_data_on_a_rounded_boundary_are_compared_all_the_same():
    points = np.array([[0.0], [1.0 + 1e-6]])
    judged = compare(solution(lambda s: s), Table(points, np.ones(2), points[:, 0]), 1e-2)
    assert judged.passed


def test_a_few_missing_values_are_left_out_and_said():
    few = compare(solution(lambda s: s), reference(lambda s: np.where(s > 0.999, np.nan, s)), 1e-2)
    assert few.passed
    assert "left out" in few.notes[0]
    with pytest.raises(ValueError, match="covers the domain"):
        compare(solution(lambda s: s), reference(lambda s: np.where(s > 0.5, np.nan, s)), 1e-2)


def test_no_shared_unknown_is_an_error():
    with pytest.raises(ValueError, match="it has w, the problem u"):
        compare(solution(lambda s: s), Known(lambda p: {"w": p[:, 0]}, w=0.0), 1e-2)


@pytest.fixture
def stokes():
    u, v, p = (pk.unknown(name, x, y) for name in "uvp")
    equations = [
        sp.Eq(-pk.laplacian(u) + sp.Derivative(p, x), 0),
        sp.Eq(-pk.laplacian(v) + sp.Derivative(p, y), 0),
        sp.Eq(pk.div([u, v]), 0),
    ]
    conditions = [pk.Dirichlet(u, y), pk.Dirichlet(v, 0), pk.PointValue(p, 0, (0, 0))]
    problem = pk.Problem("stokes", pk.Rectangle((0, 0), (1, 1)), equations, conditions)
    values = {"u": lambda q: q[:, 1], "v": lambda q: 0 * q[:, 0] + 1e-5, "p": lambda q: q[:, 0] + 40}
    return Solution(problem, lambda q: {name: f(q) for name, f in values.items()}, Record("pinn"))


def test_systems_unknown_by_unknown_pressure_without_its_mean(stokes):
    def exact(q):
        return {"u": q[:, 1], "v": 0 * q[:, 0], "p": q[:, 0] - 3}

    judged = compare(stokes, Known(exact, u=1e-9, v=1e-9, p=1e-9), 1e-4)
    assert judged["p"].mean_removed
    assert judged["p"].relative_l2 < 1e-10
    assert judged["v"].beside == "u"
    assert judged["v"].relative_l2 == pytest.approx(1e-5 * np.sqrt(3))
    assert judged.passed
    assert len(judged.sentences) == 3


def test_what_is_zero_within_the_references_error_is_measured_by_the_largest(stokes):
    known = Known(lambda q: {"u": q[:, 1], "v": 0 * q[:, 0] + 1e-6, "p": q[:, 0]}, u=1e-9, v=1e-6, p=1e-9)
    assert compare(stokes, known, 1e-4)["v"].relative_l2 == pytest.approx(9)
    known.vanishing = frozenset({"v"})
    judged = compare(stokes, known, 1e-4)
    assert judged["v"].beside == "u"
    assert judged["v"].relative_l2 == pytest.approx(9e-6 * np.sqrt(3))
    assert "* L2 error relative to u: the reference is zero" in str(judged)
    assert judged.passed


def test_the_worst_unknown_decides(stokes):
    judged = compare(stokes, Known(lambda q: {"u": 2 * q[:, 1], "p": q[:, 0]}, u=0.0, p=0.0), 1e-4)
    assert {field.name: field.status for field in judged.fields} == {"u": "missed", "p": "passed"}
    assert judged.status == "missed"


def test_metrics_hold_all_figures():
    judged = compare(solution(lambda s: 1.001 * s), reference(lambda s: s), 1e-2)
    metrics = json.loads(json.dumps(judged.to_dict()))
    assert metrics["passed"]
    assert metrics["reference"] == "exact"
    scores = metrics["unknowns"]["u"]
    assert scores["relative_l2"] == pytest.approx(1e-3)
    assert {"relative_max", "max_error", "reference_error", "trivial", "status"} <= set(scores)


def test_text_is_a_table():
    lines = str(compare(solution(lambda s: 1.001 * s), reference(lambda s: s), 1e-2)).splitlines()
    assert lines[0].split("  ")[0] == "unknown"
    assert lines[1].endswith("passed")
    assert lines[1].index("1.00e-03") + 8 == lines[0].index("relative L2") + 11
    assert lines[2].startswith("u passed: relative L2 1.00e-03, within the tolerance 0.01")
