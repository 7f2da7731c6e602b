"""The class of known equations, by table."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnkit.declare.conditions import Condition, Dirichlet, Initial, InitialRate, Neumann, Periodic, Robin
from pinnkit.declare.operators import div, grad, laplacian
from pinnkit.declare.problem import Problem
from pinnkit.forms import classify
from pinnkit.geometry import Disk, Interval, Rectangle

from . import problems as named
from .problems import D, burgers, flow, steady, t, transient, unknown, ut, w, wt, x, y

HELD = [Dirichlet(ut, 0)]
CLAMPED = Condition(sp.Symbol("n_x", real=True) * D(w, x) + sp.Symbol("n_y", real=True) * D(w, y), "boundary")


def pair(*equations: sp.Expr) -> Problem:
    """A system for a(x, t) and b(x, t)."""
    conditions = [c for f in (A, B) for c in (Initial(f, 0), Dirichlet(f, 0))]
    rates = [InitialRate(f, 0) for f in (A, B) if any(e.has(D(f, (t, 2))) for e in equations)]
    return Problem("pair", Interval(0, 1), list(equations), [*conditions, *rates])


A, B = unknown("a", x, t), unknown("b", x, t)
TABLE = {
    # problem: (order, order in time, linearity, type, symmetric, coercive)
    "burgers": (burgers(), (2, 1, "semilinear", "parabolic", False, None)),
    "inviscid": (transient(D(ut, t) + ut * D(ut, x)), (1, 1, "quasilinear", "hyperbolic", False, None)),
    "advection": (transient(D(ut, t) + 2 * D(ut, x)), (1, 1, "linear", "hyperbolic", False, None)),
    "heat": (transient(D(ut, t) - D(ut, (x, 2)), HELD), (2, 1, "linear", "parabolic", True, True)),
    "heat_periodic": (transient(D(ut, t) - D(ut, (x, 2))), (2, 1, "linear", "parabolic", True, False)),
    "backward_heat": (
        transient(D(ut, t) + D(ut, (x, 2)), HELD), (2, 1, "linear", "undetermined", True, False)
    ),
    "allen_cahn": (transient(named.ALLEN_CAHN), (2, 1, "semilinear", "parabolic", True, None)),
    "kdv": (transient(named.KDV), (3, 1, "semilinear", "undetermined", None, None)),
    "kuramoto_sivashinsky": (
        transient(named.KURAMOTO_SIVASHINSKY), (4, 1, "semilinear", "parabolic", None, None)
    ),
    "wave": (transient(named.WAVE, HELD), (2, 2, "linear", "hyperbolic", True, True)),
    "telegraph": (
        transient(D(ut, (t, 2)) + D(ut, t) - D(ut, (x, 2)), HELD), (2, 2, "linear", "hyperbolic", True, True)
    ),
    "poisson": (steady(named.POISSON), (2, 0, "linear", "elliptic", True, True)),
    "laplace_other_sign": (steady(laplacian(w)), (2, 0, "linear", "elliptic", True, True)),
    "pure_neumann": (steady(named.POISSON, [Neumann(w, 0)]), (2, 0, "linear", "elliptic", True, False)),
    "robin": (steady(named.POISSON, [Robin(w, 1, 2, 0)]), (2, 0, "linear", "elliptic", True, True)),
    "robin_with_the_wrong_sign": (
        steady(named.POISSON, [Robin(w, -9, 1, 0)]), (2, 0, "linear", "elliptic", True, None)
    ),
    "screened": (steady(-laplacian(w) + 64 * w, [Neumann(w, 0)]), (2, 0, "linear", "elliptic", True, True)),
    "helmholtz": (steady(named.HELMHOLTZ), (2, 0, "linear", "elliptic", True, False)),
    "helmholtz_low": (steady(-laplacian(w) - w), (2, 0, "linear", "elliptic", True, True)),
    "darcy": (steady(named.DARCY_EXPANDED), (2, 0, "linear", "elliptic", True, True)),
    "tensor": (
        steady(-2 * D(w, (x, 2)) - 2 * D(w, x, y) - 3 * D(w, (y, 2))),
        (2, 0, "linear", "elliptic", True, True),
    ),
    "convection": (
        steady(named.CONVECTION_DIFFUSION_REACTION), (2, 0, "linear", "elliptic", False, True)
    ),
    "nonlinear_diffusion": (
        steady(named.NONLINEAR_DIFFUSION), (2, 0, "quasilinear", "elliptic", False, None)
    ),
    "minimal_surface": (steady(named.MINIMAL_SURFACE), (2, 0, "quasilinear", "elliptic", True, None)),
    "biharmonic": (
        steady(named.BIHARMONIC, [Dirichlet(w, 0), CLAMPED]), (4, 0, "linear", "elliptic", None, None)
    ),
    "monge_ampere": (steady(named.MONGE_AMPERE), (2, 0, "nonlinear", "mixed", None, None)),
    "eikonal": (steady(named.EIKONAL), (1, 0, "nonlinear", "hyperbolic", False, None)),
    "wave_in_space": (steady(D(w, (x, 2)) - 4 * D(w, (y, 2))), (2, 0, "linear", "hyperbolic", True, False)),
    "tricomi": (
        Problem("tricomi", Rectangle((-1, -1), (1, 1)), [y * D(w, (x, 2)) + D(w, (y, 2))], [Dirichlet(w, 0)]),
        (2, 0, "linear", "mixed", True, False),
    ),
    "stokes": (flow(convection=False), (2, 0, "linear", "elliptic", True, False)),
    "navier_stokes": (flow(convection=True), (2, 0, "semilinear", "elliptic", False, None)),
    "reaction_diffusion": (
        pair(D(A, t) - D(A, (x, 2)) + A * B**2, D(B, t) - D(B, (x, 2)) / 2 - A * B**2),
        (2, 1, "semilinear", "parabolic", False, None),
    ),
    "schroedinger": (
        pair(D(A, t) + D(B, (x, 2)), D(B, t) - D(A, (x, 2))), (2, 1, "linear", "undetermined", True, False)
    ),
    "acoustics": (
        Problem(
            "acoustics", Interval(0, 1), [D(A, t) + D(B, x), D(B, t) + D(A, x)],
            [Initial(A, 0), Initial(B, 0), Periodic(x)],
        ),
        (1, 1, "linear", "hyperbolic", False, None),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_class(name: str) -> None:
    problem, expected = TABLE[name]
    kind = classify(problem)
    found = (kind.order, kind.time_order, kind.linearity, kind.type, kind.symmetric, kind.coercive)
    assert found == expected
    assert kind.steady == (expected[1] == 0)
    assert kind.linear == (expected[2] == "linear")


def test_heat_in_a_disk_with_a_hole_is_parabolic() -> None:
    domain = Disk((0, 0), 1, name="rim") - Disk((0, 0), 0.3, name="hole")
    conditions = [Initial(wt, 0), Robin(wt, 1, 1, 5, "hole"), Neumann(wt, 0, "rim")]
    kind = classify(Problem("annulus", domain, [D(wt, t) - div((2 + sp.sin(x)) * grad(wt))], conditions))
    assert (kind.type, kind.symmetric, kind.coercive) == ("parabolic", True, True)


def test_the_sentence_says_it_all() -> None:
    assert classify(steady(named.POISSON)).sentence == (
        "Second-order, linear; type elliptic; steady; its weak form in space is symmetric and coercive."
    )
    assert classify(flow(convection=False)).sentence == (
        "Second-order, linear; type elliptic (a saddle point); steady; "
        "its weak form in space is symmetric and not coercive."
    )
    assert classify(transient(named.KDV)).sentence == (
        "Third-order, semilinear; type undetermined (dispersive); transient, of order 1 in time."
    )
    assert "ill-posed forward in time" in classify(transient(D(ut, t) + D(ut, (x, 2)), HELD)).sentence
    assert "not symmetric but coercive" in classify(steady(named.CONVECTION_DIFFUSION_REACTION)).sentence


def test_types_on_samples_are_reproducible() -> None:
    assert classify(flow(convection=True)) == classify(flow(convection=True))
