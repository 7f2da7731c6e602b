"""Steady flows with published figures, by the reference alone."""

from __future__ import annotations

import sympy as sp

import pinnkit as pk

x, y = pk.coordinates("x y")
u, v, p = pk.unknown("u", x, y), pk.unknown("v", x, y), pk.unknown("p", x, y)


def _steady_flow(name: str, domain, viscosity: sp.Expr, conditions: list) -> pk.Problem:
    """(u·∇)u = −∇p + ν Δu, ∇·u = 0."""
    equations = {
        f"momentum_{c}": sp.Eq(
            pk.material_derivative(w, (u, v)), -sp.diff(p, c) + viscosity * pk.laplacian(w)
        )
        for c, w in zip((x, y), (u, v), strict=True)
    }
    equations["continuity"] = sp.Eq(pk.div((u, v), [x, y]), 0)
    return pk.Problem(name=name, domain=domain, equations=equations, conditions=conditions)


def cavity(reynolds: float, lid: sp.Expr = sp.S.One) -> pk.Problem:
    """The unit square under a lid that slides with a given speed."""
    still = [pk.Dirichlet(c, 0, where=side) for c in (u, v) for side in ("left", "right", "bottom")]
    moved = [pk.Dirichlet(u, lid, where="top"), pk.Dirichlet(v, 0, where="top")]
    held = pk.PointValue(p, 0, at=(0, 0))
    square = pk.Rectangle((0, 0), (1, 1))
    return _steady_flow("cavity", square, sp.Rational(1) / reynolds, [*still, *moved, held])


def cylinder() -> pk.Problem:
    """The benchmark DFG 2D-1: a cylinder off the middle of a channel, Re = 20 (Schäfer & Turek 1996)."""
    height = sp.Rational(41, 100)
    channel = pk.Rectangle((0, 0), (2.2, 0.41)) - pk.Disk((0.2, 0.2), 0.05, name="cylinder")
    inflow = sp.Rational(12, 10) * y * (height - y) / height**2
    still = [pk.Dirichlet(c, 0, where=wall) for c in (u, v) for wall in ("bottom", "top", "cylinder")]
    entering = [pk.Dirichlet(u, inflow, where="left"), pk.Dirichlet(v, 0, where="left")]
    # The flux of a momentum equation holds the momentum that is carried along: do-nothing leaves that alone.
    leaving = [pk.Flux(f"momentum_{c}", u * w, where="right") for c, w in zip((x, y), (u, v), strict=True)]
    return _steady_flow("cylinder", channel, sp.Rational(1, 1000), [*still, *entering, *leaving])
