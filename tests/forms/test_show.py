"""Forms in print."""

from __future__ import annotations

import pytest
import sympy as sp

from pinnkit.declare.conditions import Dirichlet, Neumann, PointValue
from pinnkit.forms import FormUnavailable, show
from pinnkit.forms.text import line

from . import problems as named
from .problems import PRESSURE, VELOCITY, burgers, flow, steady, transient, ut, y

BURGERS = burgers([Neumann(ut, 3, "left"), Dirichlet(ut, 0, "right")])


def test_strong() -> None:
    text = show(BURGERS, "strong")
    assert text.splitlines()[:5] == [
        "transient: strong form, R = 0",
        "  equation  R = −ν·u_xx + u·u_x + u_t",
        "  at t = 0  −cos(π·x) + u = 0",
        "  on left   n_x·u_x − 3 = 0",
        "  on right  u = 0",
    ]
    assert r"R_{\mathrm{equation}} &= - \nu u_{xx} + u u_{x} + u_{t}" in text
    assert text.count(r"\begin{aligned}") == text.count(r"\end{aligned}") == 1


def test_flux() -> None:
    assert show(BURGERS, "flux", latex=False).splitlines() == [
        "transient: flux form, R = ∂F_x/∂x + ∂F_t/∂t + S",
        "  equation  F_x = −ν·u_x + u²/2",
        "            F_t = u",
        "            S = 0",
    ]
    assert "R is momentum_x + u·continuity" in show(flow(convection=True), "flux", latex=False)


def test_weak() -> None:
    text = show(BURGERS, "weak")
    assert "∫ (ν·v_x·u_x + v·(u·u_x + u_t)) + ∮_left (−3·ν)·v = 0 for all v that vanish" in text
    assert r"\oint_{\mathrm{left}} \left(- 3 \nu\right) v\,\mathrm{d}s" in text
    assert "  at t = 0  u = cos(π·x)" in text
    assert "periodic  along x" in show(transient(named.ALLEN_CAHN), "weak", latex=False)


def test_weak_names_its_test_functions_clear_of_the_unknowns() -> None:
    a, b = VELOCITY
    text = show(flow(False, [Dirichlet(a, y), Dirichlet(b, 0), PointValue(PRESSURE, 0, (0, 0))]), "weak")
    assert "F·∇w" in text
    assert "on the boundary  u = y" in text
    assert "at (0, 0)        p = 0" in text


def test_class() -> None:
    lines = show(steady(named.POISSON), "class").splitlines()
    assert lines[0].startswith("steady: Second-order, linear; type elliptic")
    assert lines[-1].split() == ["coercive", "yes"]


def test_what_there_is_not() -> None:
    with pytest.raises(FormUnavailable, match="flux form of equation 'equation'"):
        show(steady(named.EIKONAL), "flux")
    with pytest.raises(ValueError, match="strong, flux, weak, class"):
        show(BURGERS, "weird")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("-x**2/3 - 1", "−x²/3 − 1"),
        ("sqrt(x)*nu**-2", "√x/ν²"),
        ("x**(1/3)", "x^(1/3)"),
        ("1/sqrt(1 + x)", "1/√(x + 1)"),
        ("exp(-x)*sin(2*pi*x)**2", "exp(−x)·sin(2·π·x)²"),
        ("1e-05*x - 0.25", "1.0e-5·x − 0.25"),
        ("(x + 1)**2/(x - 1)", "(x + 1)²/(x − 1)"),
        ("alpha_1*x", "α_1·x"),
    ],
)
def test_lines(expression: str, text: str) -> None:
    assert line(sp.sympify(expression)) == text
