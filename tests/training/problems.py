"""Small least-squares problems of the kind that solvers make: a network, points, blocks with pools."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from pinnkit.fields.collocation import prepare
from pinnkit.fields.embeddings import Coordinates
from pinnkit.fields.mlp import MLP
from pinnkit.fields.model import Fields, Group
from pinnkit.fields.network import Architecture
from pinnkit.training import Block, LeastSquares

U, U_X, U_XX = (0,), (1,), (2,)
NEEDS = {"u": (U, U_X, U_XX)}


def network(width=6, depth=2, seed=0, feature_scale=0.0, dimension=1) -> Fields:
    """One unknown u on the cube (−1, 1)^d."""
    inputs = Coordinates((-1.0,) * dimension, (1.0,) * dimension, ())
    key = jax.random.key(seed)
    body = MLP(inputs, 1, Architecture(width, depth, "tanh", feature_scale), key)
    return Fields((body,), (), (Group(("u",), tuple(range(dimension))),))


def rod(nonlinear=0.0, points=20, pool=5, exact=lambda x: jnp.sin(3 * x), **options) -> LeastSquares:
    """−u″ + c u³ = f on (−1, 1) with u = ``exact`` at both ends, which are fixed points."""
    source = jax.vmap(lambda x: -jax.grad(jax.grad(exact))(x) + nonlinear * exact(x) ** 3)

    def equation(fields, at):
        jets = fields.jets(at, NEEDS)
        return (-jets["u", U_XX] + nonlinear * jets["u", U] ** 3 - source(at.x[:, 0]))[:, None]

    def ends(fields, at):
        return (fields.jets(at, {"u": (U,)})["u", U] - exact(at.x[:, 0]))[:, None]

    x = np.random.default_rng(0).permutation(np.linspace(-1, 1, points * pool))[:, None]
    candidates = prepare({}, NEEDS, x)
    blocks = [
        Block("equation", equation, candidates.take(jnp.arange(points)), jnp.asarray(1.0),
              candidates if pool > 1 else None),
        Block("ends", ends, prepare({}, NEEDS, np.array([[-1.0], [1.0]])), jnp.asarray(10.0)),
    ]  # fmt: skip
    return LeastSquares(network(**options), blocks, linear=Fields.linear_leaves)


def offset(value=1.0) -> LeastSquares:
    """u² + ``value`` = 0 at ten points, without a solution where ``value`` is positive."""

    def residual(fields, at):
        return (fields.jets(at, {"u": (U,)})["u", U] ** 2 + value)[:, None]

    return LeastSquares(
        network(),
        [Block("equation", residual, prepare({}, {}, np.linspace(-1, 1, 10)[:, None]), jnp.asarray(1.0))],
    )
