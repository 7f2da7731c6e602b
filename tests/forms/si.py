"""Problems in SI units with exact solutions, each with a twin of order one."""

from __future__ import annotations

from collections.abc import Callable

import sympy as sp

import pinnkit as pk


def heat(si: bool = True) -> pk.Problem:
    """Heat conduction with ρc ~ 1e6, k ~ 1e1, lengths 1e-3, times 1e-1, T about 300 ± 40."""
    length, duration, capacity, conductivity, middle, swing = (
        (2e-3, 0.2, 3.5e6, 15.0, 310.0, 40.0) if si else (1.0, 1.0, 1.0, 3.5 / 4.67, 0.0, 1.0)
    )
    x, t = pk.coordinates("x"), pk.time("t", 0, duration)
    T = pk.unknown("T", x, t)
    exact = middle + swing * sp.sin(2 * x / length) * sp.exp(-t / duration)
    equation = capacity * sp.Derivative(T, t) - conductivity * sp.Derivative(T, (x, 2))
    return pk.manufactured("heat", pk.Interval(0, length), {"heat": equation}, {T: exact}, "dirichlet")


def burgers(si: bool = True) -> pk.Problem:
    """Burgers' equation in a tube of 100 m at speeds of 300 m/s."""
    length, speed = (100.0, 300.0) if si else (1.0, 1.0)
    x, t = pk.coordinates("x"), pk.time("t", 0, length / speed)
    u = pk.unknown("u", x, t)
    exact = speed * (1 + sp.tanh(2 * (x / length - t * speed / length / 2))) / 2
    equation = sp.Derivative(u, t) + u * sp.Derivative(u, x) - 0.1 * length * speed * sp.Derivative(u, (x, 2))
    return pk.manufactured("burgers", pk.Interval(0, length), [equation], {u: exact}, "dirichlet")


def poisson(si: bool = True) -> pk.Problem:
    """−10⁻⁸ Δu + 10⁻³ u = f around a hole, lengths in micrometres."""
    small, length = (1e-8, 1e-4) if si else (1.0, 1.0)
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    domain = pk.Rectangle((0, 0), (length, length)) - pk.Disk(
        (length / 2, length / 2), length / 5, name="hole"
    )
    exact = 1e-7 * small**0 * sp.exp(x / length) * sp.sin(2 * y / length) if si else sp.exp(x) * sp.sin(2 * y)
    equation = -small * pk.laplacian(u) + small / length**2 * u
    return pk.manufactured("poisson", domain, [equation], {u: exact}, "dirichlet")


def elasticity(si: bool = True) -> pk.Problem:
    """Plane strain of steel, E = 2·10¹¹ Pa, displacements of micrometres; traction where x is largest."""
    young, length, size = (2e11, 0.1, 1e-6) if si else (1.0, 1.0, 1.0)
    x, y = pk.coordinates("x y")
    w = pk.vector("w", x, y, components="u v")
    lam, mu = 0.5769 * young, 0.3846 * young
    gradient = pk.grad(w)
    stress = lam * pk.div(w) * sp.eye(2) + mu * (gradient + gradient.T)
    exact = {
        w[0]: size * sp.sin(x / length) * sp.cos(y / length), w[1]: size * sp.exp(x / length) * y / length,
    }  # fmt: skip
    return pk.manufactured(
        "elasticity", pk.Rectangle((0, 0), (length, length)), {"balance": -pk.div(stress)}, exact, "dirichlet"
    )


def navier_stokes(si: bool = True) -> pk.Problem:
    """Kovasznay's flow of water in a channel of 2 mm at 20 mm/s, pressures about 10⁵ Pa."""
    rho, mu, speed, length, outside = (1000.0, 1e-3, 0.02, 2e-3, 1e5) if si else (1.0, 1 / 40, 1.0, 1.0, 0.0)
    x, y = pk.coordinates("x y")
    u, v, p = (pk.unknown(name, x, y) for name in "uvp")
    lam = 20 - sp.sqrt(400 + 4 * sp.pi**2)
    a, b = x / length, y / length
    exact = {
        u: speed * (1 - sp.exp(lam * a) * sp.cos(2 * sp.pi * b)),
        v: speed * lam / (2 * sp.pi) * sp.exp(lam * a) * sp.sin(2 * sp.pi * b),
        p: outside + rho * speed**2 * (1 - sp.exp(2 * lam * a)) / 2,
    }
    wind = sp.ImmutableMatrix([u, v])
    equations = {
        "momentum": rho * pk.material_derivative(wind, wind) + pk.grad(p) - mu * pk.laplacian(wind),
        "continuity": pk.div(wind),
    }
    return pk.manufactured(
        "navier_stokes", pk.Rectangle((-length / 2, -length / 2), (length, length)), equations, exact,
        "dirichlet",
    )  # fmt: skip


PAIRS: dict[str, Callable[[bool], pk.Problem]] = {
    f.__name__: f for f in (heat, burgers, poisson, elasticity, navier_stokes)
}
