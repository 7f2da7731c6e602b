"""Tiny problems of every kind with exact solutions; a solver gets those that its ``requires`` permit."""

from __future__ import annotations

import sympy as sp

import pinnkit as pk

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 0.5)


def _line() -> pk.Problem:
    u = pk.unknown("u", x)
    return pk.manufactured(
        "line", pk.Interval(0, 1), [-sp.Derivative(u, (x, 2)) + u], {u: sp.sin(sp.pi * x)}, "dirichlet"
    )


def _plane() -> pk.Problem:
    u = pk.unknown("u", x, y)
    domain = pk.Rectangle((-1, -1), (1, 1)) - pk.Disk((0, 0), 0.4, name="hole")
    exact = sp.exp(x) * sp.cos(y)
    return pk.manufactured("plane", domain, [-pk.laplacian(u) + u**3], {u: exact}, "dirichlet")


def _heat() -> pk.Problem:
    u = pk.unknown("u", x, t)
    exact = sp.exp(-t) * sp.cos(sp.pi * x)
    return pk.manufactured(
        "heat", pk.Interval(0, 1), [sp.Derivative(u, t) - sp.Derivative(u, (x, 2))], {u: exact}, "dirichlet"
    )


def _system() -> pk.Problem:
    u, v = pk.unknown("u", x), pk.unknown("v", x)
    return pk.manufactured(
        "system", pk.Interval(0, 1), [-sp.Derivative(u, (x, 2)) + v, -sp.Derivative(v, (x, 2)) - u],
        {u: sp.sin(x), v: sp.cos(x)}, "dirichlet",
    )  # fmt: skip


TINY = {"line": _line, "plane": _plane, "heat": _heat, "system": _system}
