"""Problems in space with known solutions, and shapes for them."""

from __future__ import annotations

import sympy as sp

import pinnkit as pk

x, y, z = pk.coordinates("x y z")
t = pk.time("t", 0, 1)
u, v, w = (pk.unknown(name, x, y, z) for name in "uvw")
warm = pk.unknown("u", x, y, z, t)

CUBE = pk.Box((0, 0, 0), (1, 1, 1))
BALL = pk.Ball((0, 0, 0), 1)
HOLES = (
    pk.Box((0, 0, 0), (1, 1, 1), name="outer")
    - pk.Ball((0.3, 0.3, 0.3), 0.15, name="low")
    - pk.Ball((0.7, 0.6, 0.5), 0.2, name="high")
)
SHAPES = {
    "cube": CUBE,
    "ball": BALL,
    "holes": HOLES,
    "cylinder": pk.Cylinder((0, 0, 0), (1, 1, 1), 0.5),
    "shell": BALL - pk.Ball((0, 0, 0), 0.5),
    "drilled": CUBE - pk.Cylinder((0.5, 0.5, -1), (0, 0, 3), 0.25),
    "two balls": BALL | pk.Ball((1, 0, 0), 1),
}
SMOOTH = sp.sin(2 * x) * sp.exp(y) * sp.cos(z)


def poisson(shape: pk.Shape) -> pk.Problem:
    """−Δu = f with values given on the whole boundary."""
    return pk.manufactured("poisson", shape, [-pk.laplacian(u)], {u: SMOOTH})


def mixed() -> pk.Problem:
    """−Δu + u = f in a cube with two holes, slopes and a Robin condition on these."""
    sides = {"outer": "dirichlet", "low": "neumann", "high": "robin"}
    return pk.manufactured("mixed", HOLES, [-pk.laplacian(u) + u], {u: SMOOTH}, sides)


def nonlinear() -> pk.Problem:
    """−∇·((1 + u²)∇u) = f."""
    return pk.manufactured("nonlinear", CUBE, [-pk.div((1 + u**2) * pk.grad(u))], {u: SMOOTH / 3})


def elasticity() -> pk.Problem:
    """λ = μ = 1."""
    moved, places = (u, v, w), (x, y, z)
    swelling = pk.div(moved, places)
    equations = [
        -sum(
            sp.diff(sp.diff(a, q) + sp.diff(b, p) + (swelling if p == q else 0), q)
            for b, q in zip(moved, places, strict=True)
        )
        for a, p in zip(moved, places, strict=True)
    ]
    exact = {u: sp.sin(x) * y, v: sp.exp(x * z), w: sp.cos(y) * x * z}
    return pk.manufactured("elasticity", CUBE, equations, exact)


def heat() -> pk.Problem:
    """u_t = Δu + f."""
    solution = sp.exp(-t) * SMOOTH
    return pk.manufactured("heat", CUBE, [sp.diff(warm, t) - pk.laplacian(warm)], {warm: solution})


def wave() -> pk.Problem:
    """u_tt = Δu + f."""
    solution = sp.cos(2 * t) * SMOOTH
    return pk.manufactured("wave", CUBE, [sp.diff(warm, t, 2) - pk.laplacian(warm)], {warm: solution})
