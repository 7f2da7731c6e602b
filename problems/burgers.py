"""Burgers' equation, as in burgers.yaml, declared in Python."""

import sympy as sp

import pinnkit as pk

x = pk.coordinates("x")
t = pk.time("t", 0, 1)
u = pk.unknown("u", x, t)
nu = pk.parameter("nu", 0.01 / sp.pi)

problem = pk.Problem(
    name="burgers",
    domain=pk.Interval(-1, 1),
    equations=[sp.Eq(u.diff(t) + u * u.diff(x), nu * u.diff(x, 2))],
    conditions=[pk.Initial(u, -sp.sin(sp.pi * x)), pk.Dirichlet(u, 0)],
)
