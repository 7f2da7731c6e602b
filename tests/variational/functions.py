"""Given functions in the place of networks, and problems with every kind of boundary data."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import sympy as sp

import pinnkit as pk
from pinnkit.forms.emit import emit
from pinnkit.forms.traces import Trace
from pinnkit.solvers import get

x, y = pk.coordinates("x y")
n_x, n_y = pk.normal(x), pk.normal(y)


class Given:
    """Fields that are known functions of the variables, with all their derivatives."""

    def __init__(self, problem: pk.Problem, functions: Mapping[str, sp.Expr]):
        self._problem, self._functions = problem, functions

    def jets(self, at, needs):
        variables = self._problem.variables
        keys = [(name, index) for name, indices in needs.items() for index in indices]
        def derived_by(name, index):
            if isinstance(index, Trace):
                return sum(weight * derived_by(name, second) for weight, _, second in index.terms)
            by = [(v, k) for v, k in zip(variables, index, strict=True) if k]
            return sp.diff(self._functions[name], *by) if by else self._functions[name]

        derived = [derived_by(name, index) for name, index in keys]
        return dict(zip(keys, emit(derived, variables, jnp)(*at.x.T), strict=True))

    def parameters(self):
        return {}


def posed(problem: pk.Problem, solver="hp_vpinn", **options):
    """The blocks of a solver for a problem, with a tiny network that is not used."""
    solver = get(solver)
    given = {"network": {"width": 2, "depth": 1}, "condition_points": 2, "conditions": "soft",
             "optimizer": ["adam"], **options}  # fmt: skip
    built = solver.build(problem, solver.options.model_validate(given), 0)
    return built.least_squares.blocks


def rows_of(blocks, fields):
    """R of every block before it is normalised, for cells that count."""
    found = {}
    for block in blocks:
        if hasattr(block.residual, "tested"):
            keep = jnp.asarray(block.points.keep) > 0
            evaluate = jax.jit(lambda points, block=block: block.residual.tested(fields, points))
            found[block.name] = evaluate(block.points)[keep]
    return found


def mixed(exact: sp.Expr, domain, names, slope=0.0) -> pk.Problem:
    """−∇·((1 + u²)∇u) + u u_x = f; values on the first name, slopes on the second, Robin on the third."""
    u = pk.unknown("u", x, y)
    flux = [(1 + u**2) * u.diff(v) for v in (x, y)]
    left = -sp.Derivative(flux[0], x) - sp.Derivative(flux[1], y) + u * u.diff(x)
    across = n_x * exact.diff(x) + n_y * exact.diff(y)
    source = left.subs(u, exact).doit()
    return pk.Problem(
        name="mixed", domain=domain, equations=[sp.Eq(left, source)],
        conditions=[
            pk.Dirichlet(u, exact, where=names[0]),
            pk.Neumann(u, across + slope, where=names[1]),
            pk.Robin(u, 2, 3, 2 * exact + 3 * across, where=names[2]),
        ],
    )  # fmt: skip
