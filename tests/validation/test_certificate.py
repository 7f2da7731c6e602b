"""The interval holds the true error, is narrow where it must be, and is refused where it would not hold."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import ReferenceUnavailable
from pinnkit.reference.certified import bracket, error_equation
from pinnkit.solution import Record, Solution
from pinnkit.validation.certificate import Certificate, certified, certify

from .perturbed import (
    SMOOTH,
    UNIT,
    Formula,
    Perturbed,
    everything,
    in_space,
    on_line,
    square,
    u,
    variable,
    x,
    y,
    z,
)  # fmt: skip

t = pk.time("t", 0, 1)
moving, v = pk.unknown("u", x, y, t), pk.unknown("v", x, y)
ZERO = pk.Dirichlet(u, 0, where="boundary")
BUBBLE = sp.sin(sp.pi * x) * sp.sin(sp.pi * y)


def ratios(case: Perturbed, size: float, **limits) -> tuple[float, float]:
    """lower/true and upper/true."""
    found = bracket(error_equation(case.problem), case.solution(size), **limits)
    return found.lower / (size * case.norm), found.upper / (size * case.norm)


@pytest.mark.parametrize("size", [1e-2, 1e-6])
@pytest.mark.parametrize("case", everything(), ids=lambda case: case.name)
def test_gates(case, size):
    found = certify(case.solution(size))
    true = size * case.norm
    assert found.kind == "certificate"
    assert 0.95 <= found.lower / true <= 1
    assert 1 <= found.upper / true <= 1.5


@pytest.mark.parametrize(
    "case",
    [
        *(square("Poisson", wave) for wave in (9, 14, 23, 40)),
        *(square("screened Poisson", wave, reaction=1e4) for wave in (9, 23)),
        variable(17),
    ],
    ids=lambda case: case.name,
)
def test_the_interval_holds_errors_that_one_mesh_does_not_resolve(case):
    lower, upper = ratios(case, 1e-3, seconds=0.0)
    assert lower <= 1 <= upper


def test_bounds_close_under_refinement():
    case, gaps = square("Poisson", 9), []
    for cells in (200, 1_000, 10_000):
        lower, upper = ratios(case, 1e-3, most_cells=cells)
        gaps.append(upper - lower)
    assert gaps[0] > gaps[1] >= gaps[2]
    assert gaps[2] < 0.05


def test_a_large_reaction_costs_nothing():
    lower, upper = ratios(square("screened Poisson", 3, reaction=1e6), 1e-3, seconds=0.0)
    assert 0.99 <= lower <= 1 <= upper <= 1.05


class Kinked(Formula):
    """A tent of height one hundredth across x = 0.37 besides, whose second derivative is no function."""

    def derivatives(self, points, indices, extrapolate=False):
        (name,) = self.problem.unknown_names
        left = points[:, 0] < 0.37
        height = 0.01 * np.where(left, points[:, 0] / 0.37, (1 - points[:, 0]) / 0.63)
        slope = 0.01 * np.where(left, 1 / 0.37, -1 / 0.63)
        wave, turned = np.sin(np.pi * points[:, 1]), np.pi * np.cos(np.pi * points[:, 1])
        tent = {
            (0, 0): height * wave, (1, 0): slope * wave, (0, 1): height * turned, (2, 0): 0 * wave,
            (1, 1): slope * turned, (0, 2): -(np.pi**2) * height * wave,
        }  # fmt: skip
        smooth = super().derivatives(points, indices)[name]
        return {name: smooth + np.stack([tent[tuple(i)] for i in indices], axis=1)}


def test_kinks_that_second_derivatives_do_not_see_make_an_estimate():
    case = square("Poisson", 1)
    found = certify(Kinked(case.problem, case.solution(1e-2).expression), seconds=1.0)
    assert found.kind == "estimate"
    assert "kinks" in str(found)


def test_round_solids_are_estimated():
    radius2 = x**2 + y**2 + z**2
    problem = pk.manufactured("ball", pk.Ball((0, 0, 0), 1), [-pk.laplacian(in_space)], {in_space: SMOOTH})
    found = certify(Formula(problem, SMOOTH + sp.Float(1e-2) * (1 - radius2)))
    assert found.kind == "estimate"
    assert "curved boundary" in found.notes[0]
    assert found.lower <= 1e-2 * np.sqrt(16 * np.pi / 5) <= 1.01 * found.upper


@pytest.mark.parametrize("c", [0.375, 0.55], ids=["between cells", "within a cell"])
def test_a_source_that_jumps_makes_an_estimate(c):
    source = sp.Piecewise((1, x < c), (5, True))
    problem = pk.Problem(
        "steps", pk.Interval(0, 1), [sp.Eq(-sp.diff(on_line, x, 2), source)],
        [pk.Dirichlet(on_line, 0, where="boundary")],
    )  # fmt: skip
    # u' = a − x left of c and a − c − 5 (x − c) right of it; u(1) = 0 gives a.
    a = 0.5 + 2 * (1 - c) ** 2
    nodes, weights = np.polynomial.legendre.leggauss(40)
    true = 0.0
    for low, high in ((0, c), (c, 1)):
        s = low + (high - low) * (nodes + 1) / 2
        exact = np.where(s < c, a - s, a - c - 5 * (s - c))
        true += (high - low) / 2 * weights @ (exact - (1 - 2 * s)) ** 2
    found = certify(Formula(problem, x * (1 - x)))
    assert found.lower <= np.sqrt(true) <= found.upper
    assert (found.kind, "data jump" in str(found)) == ("estimate", True)
    assert found.upper <= 1.05 * found.lower


def steady(name: str, operator: sp.Expr) -> pk.Problem:
    """operator = 1 on the unit square, zero around it."""
    return pk.Problem(name, UNIT, [sp.Eq(operator, 1)], [ZERO])


REFUSED = {
    "transient": (
        pk.Problem(
            "heat", UNIT, [sp.Eq(sp.diff(moving, t), pk.laplacian(moving, [x, y]))],
            [pk.Dirichlet(moving, 0, where="boundary"), pk.Initial(moving, BUBBLE)],
        ),
        "transient",
    ),
    "nonlinear": (steady("cubic", -pk.laplacian(u) + u**3), "semilinear, not linear"),
    "drift": (steady("drift", -pk.laplacian(u) + sp.diff(u, x)), "not symmetric"),
    "drift that cancels": (
        steady("both", -pk.div([u.diff(x) + x * u, u.diff(y)], [x, y]) + x * u.diff(x) + 3 * u),
        "terms of first order",
    ),
    "indefinite": (steady("waves", -pk.laplacian(u) - 100 * u), "not coercive"),
    "negative": (steady("weak", -pk.laplacian(u) - u), "negative somewhere"),
    "interface": (
        steady("interface", -pk.div(sp.Piecewise((1, x < 0.5), (3, True)) * pk.grad(u))), "coefficient jumps"
    ),
    "system": (
        pk.Problem(
            "pair", UNIT, [sp.Eq(-pk.laplacian(u) + v, 1), sp.Eq(-pk.laplacian(v) + u, 1)],
            [ZERO, pk.Dirichlet(v, 0, where="boundary")],
        ),
        "2 unknowns",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_certificate_is_refused_with_the_reason_and_no_number(name):
    problem, reason = REFUSED[name]
    found = certified(Formula(problem, BUBBLE))
    assert reason in str(found)
    assert str(found).startswith("no certified energy error: ")
    assert found.to_dict() == {"kind": "none", "reason": found.reason}
    assert not re.search(r"\d\.\d", str(found))
    with pytest.raises(ReferenceUnavailable, match="mend: judge it against a reference"):
        certify(Formula(problem, BUBBLE))


def test_values_that_are_not_taken_on_exactly_are_refused():
    problem = square("Poisson", 1).problem
    assert isinstance(certified(Formula(problem, SMOOTH)), Certificate)
    with pytest.raises(ReferenceUnavailable, match=r"misses its prescribed values on 'right' by .*exact"):
        certify(Formula(problem, SMOOTH + sp.Float(1e-6) * x * y * (1 - y)))


def test_values_alone_are_refused():
    problem = square("Poisson", 1).problem
    solution = Solution(problem, lambda points: {"u": points[:, 0]}, Record("table"))
    with pytest.raises(ReferenceUnavailable, match="derivatives are needed"):
        certify(solution)


def test_what_is_not_finite_is_refused():
    problem = square("Poisson", 1).problem
    with pytest.raises(ReferenceUnavailable, match="not finite"):
        certify(Formula(problem, SMOOTH + BUBBLE * sp.sqrt(x**2 + y**2 - sp.Rational(1, 10))))


def test_text_and_figures():
    found = Certificate(1.921e-5, 2.309e-5, 2.0, "certificate")
    assert str(found) == (
        "energy error between 1.92e-05 and 2.31e-05 (relative between 9.60e-06 and 1.16e-05), guaranteed"
    )
    narrow = Certificate(1.23456e-5, 1.23457e-5, 0.0, "certificate")
    assert str(narrow) == "energy error between 1.23e-05 and 1.24e-05, guaranteed"
    loose = Certificate(1.0, 2.0, 0.0, "estimate", ("the mesh is coarse",))
    assert str(loose) == "energy error between 1.00e+00 and 2.00e+00, an estimate; the mesh is coarse"
    kept = json.loads(json.dumps(found.to_dict()))
    assert kept["kind"] == "certificate"
    assert kept["relative_upper"] == pytest.approx(1.1545e-5)
    assert kept["sentence"] == str(found)


def test_the_budget_is_told():
    found = certify(square("Poisson", 40).solution(1e-3), seconds=0.0)
    assert "budget of 0 s was spent before the bounds met" in str(found)
