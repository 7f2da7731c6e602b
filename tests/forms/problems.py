"""Named equations that the forms are tested on, each with the shortest domain that will do."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from pinnkit.declare.conditions import AnyCondition, Dirichlet, Initial, InitialRate, Periodic
from pinnkit.declare.operators import div, grad, laplacian
from pinnkit.declare.problem import Problem
from pinnkit.declare.symbols import coordinates, parameter, time, unknown
from pinnkit.geometry import Interval, Rectangle

x, y = coordinates("x y")
t = time("t", 0, 1)
u = unknown("u", x)
ut = unknown("u", x, t)
w = unknown("u", x, y)
wt = unknown("u", x, y, t)
SQUARE = Rectangle((0, 0), (1, 1))
D = sp.Derivative


def steady(equation: sp.Basic, conditions: Sequence[AnyCondition] | None = None) -> Problem:
    """A scalar equation for u(x, y) on the unit square, u = 0 around unless told."""
    return Problem("steady", SQUARE, [equation], conditions or [Dirichlet(w, 0)])


def transient(equation: sp.Basic, conditions: Sequence[AnyCondition] | None = None) -> Problem:
    """A scalar equation for u(x, t) on [−1, 1], periodic unless told."""
    start: list[AnyCondition] = [Initial(ut, sp.cos(sp.pi * x))]
    if equation.has(D(ut, (t, 2))):
        start.append(InitialRate(ut, 0))
    return Problem("transient", Interval(-1, 1), [equation], [*start, *(conditions or [Periodic(x)])])


def burgers(conditions: Sequence[AnyCondition] | None = None) -> Problem:
    return transient(sp.Eq(D(ut, t) + ut * D(ut, x), NU * D(ut, (x, 2))), conditions or [Dirichlet(ut, 0)])


NU = parameter("nu", 0.01)
CONDUCTIVITY = sp.exp(sp.sin(2 * sp.pi * x) * sp.cos(2 * sp.pi * y))

KDV = D(ut, t) + ut * D(ut, x) + sp.Rational(1, 400) * D(ut, (x, 3))
KURAMOTO_SIVASHINSKY = D(ut, t) + ut * D(ut, x) + D(ut, (x, 2)) + D(ut, (x, 4))
ALLEN_CAHN = sp.Eq(D(ut, t), sp.Rational(1, 10000) * D(ut, (x, 2)) + 5 * (ut - ut**3))
WAVE = sp.Eq(D(ut, (t, 2)), 4 * D(ut, (x, 2)))
DARCY = -div(CONDUCTIVITY * grad(w))
DARCY_EXPANDED = DARCY.doit()
NONLINEAR_DIFFUSION = -div((1 + w**2) * grad(w)) - sp.sin(x)
NONLINEAR_DIFFUSION_EXPANDED = NONLINEAR_DIFFUSION.doit()
CONVECTION_DIFFUSION_REACTION = sp.Eq(-NU * laplacian(w) + 2 * D(w, x) - y * D(w, y) + 3 * w, x * y)
HELMHOLTZ = sp.Eq(-laplacian(w) - 64 * w, sp.sin(x))
POISSON = sp.Eq(-laplacian(w), 1)
BIHARMONIC = sp.Eq(laplacian(laplacian(w)), 1)
MINIMAL_SURFACE = div(grad(w) / sp.sqrt(1 + D(w, x) ** 2 + D(w, y) ** 2))
P_LAPLACIAN = div((D(w, x) ** 2 + D(w, y) ** 2) * grad(w))
EIKONAL = sp.Eq(D(w, x) ** 2 + D(w, y) ** 2, 1)
MONGE_AMPERE = sp.Eq(D(w, (x, 2)) * D(w, (y, 2)) - D(w, x, y) ** 2, 1)

VELOCITY = (unknown("u", x, y), unknown("v", x, y))
PRESSURE = unknown("p", x, y)


def _momentum(component: sp.Expr, direction: sp.Symbol, convection: bool) -> sp.Expr:
    a, b = VELOCITY
    inertia = a * D(component, x) + b * D(component, y) if convection else 0
    return inertia + D(PRESSURE, direction) - NU * laplacian(component)


def flow(convection: bool, conditions: Sequence[AnyCondition] | None = None) -> Problem:
    """Steady Navier–Stokes (or Stokes) flow in the unit square."""
    a, b = VELOCITY
    equations = {
        "momentum_x": _momentum(a, x, convection),
        "momentum_y": _momentum(b, y, convection),
        "continuity": D(a, x) + D(b, y),
    }
    return Problem("flow", SQUARE, equations, conditions or [Dirichlet(a, y), Dirichlet(b, 0)])
