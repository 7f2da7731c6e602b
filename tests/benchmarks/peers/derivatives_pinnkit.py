"""pinnkit by its real path: declaration, formulation, least squares; the others' weights and points."""

from __future__ import annotations

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import sympy as sp
from derivatives_task import CASES, contend, equations, layers

import pinnkit as pk
from pinnkit.fields.collocation import prepare
from pinnkit.solvers._collocation import formulate
from pinnkit.solvers._collocation_options import CollocationOptions
from pinnkit.training import LeastSquares


def declared(case: str) -> pk.Problem:
    """The case on the cube (−1, 1)^d, where the network's scaling of coordinates is the identity."""
    dimension, unknowns = CASES[case]
    timed = case in ("burgers", "kdv", "ks")
    space = dimension - timed
    names = " ".join(f"x{i}" for i in range(space))
    coordinates = pk.coordinates(names)
    coordinates = list(coordinates) if isinstance(coordinates, tuple) else [coordinates]
    variables = [*coordinates, *([pk.time("t", -1, 1)] if timed else [])]
    fields = [pk.unknown(f"u{k}", *variables) for k in range(unknowns)]

    def derivative(k: int, *axes: int) -> sp.Expr:
        return sp.diff(fields[k], *(variables[i] for i in axes)) if axes else fields[k]

    rows = equations(case, derivative, lambda k: pk.laplacian(fields[k]), variables)
    held = fields[: 2 if unknowns == 3 else 1]
    conditions: list[Any] = [pk.Dirichlet(u, 0, where="boundary") for u in held]
    if unknowns == 3:
        conditions.append(pk.PointValue(fields[2], 0, at=(0, 0)))
    if timed:
        conditions.append(pk.Initial(fields[0], 0))
    if case in ("kdv", "ks"):
        conditions.append(pk.Neumann(fields[0], 0, where="boundary"))
    domain = pk.Interval(-1, 1) if space == 1 else pk.Box((-1,) * space, (1,) * space)
    return pk.Problem(
        name=case, domain=domain, equations=[sp.Eq(row, 0) for row in rows], conditions=conditions
    )


def pose(case: str, data: Any) -> tuple[Any, ...]:
    """Parameters, residual, loss and Jacobian."""
    options = CollocationOptions.model_validate({
        "network": {"width": 32, "depth": 4, "activation": "tanh"}, "conditions": "soft",
        "points": {"interior": 64, "pool": 1}, "optimizer": ["adam"],
    })  # fmt: skip
    formulation = formulate(declared(case), options, 0)
    block = formulation.least_squares.blocks[0]
    points = prepare({}, block.residual.needs, data["x"])
    network = formulation.fields.networks[0]
    given = [jnp.asarray(a) for pair in layers(data) for a in pair]
    parts = [(layer.weight, layer.bias) for layer in (*network.hidden, network.head)]
    assert [a.shape for pair in parts for a in pair] == [a.shape for a in given]
    fields = eqx.tree_at(
        lambda f: [
            a for n in f.networks for layer in (*n.hidden, n.head) for a in (layer.weight, layer.bias)
        ],
        formulation.fields, given,
    )  # fmt: skip
    problem = LeastSquares(fields, [dataclasses.replace(block, points=points, pool=None)])
    count, root = len(data["x"]), jnp.sqrt(len(data["x"]))
    return (
        problem.theta,
        lambda theta: problem.residual(theta).reshape(count, -1) * root,
        lambda theta: problem.loss(theta),  # bound methods of modules with arrays have no hash for jit
        lambda theta: problem.jacobian(theta),
    )


if __name__ == "__main__":
    with jax.enable_x64(True):
        contend(("pinnkit", "jax"), pose)
