"""jinns: its network, its loss, its Laplacian; others by nested ``grad``, as in its own equations."""

from __future__ import annotations

import warnings
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from derivatives_nested import nested
from derivatives_task import CASES, contend, equations, layers
from jinns.data._Batchs import PDEStatioBatch
from jinns.loss import LossPDEStatio, LossWeightsPDEStatio, PDEStatio
from jinns.loss._operators import laplacian_rev
from jinns.nn import PINN_MLP
from jinns.parameters import Params


def pose(case: str, data: Any) -> tuple[Any, ...]:
    """Parameters, residual, loss and Jacobian."""
    warnings.simplefilter("ignore")
    dimension, _ = CASES[case]
    x = jnp.asarray(data["x"])
    weights = layers(data)
    shape = []
    for w, _ in weights:
        shape += [(eqx.nn.Linear, w.shape[1], w.shape[0]), (jax.nn.tanh,)]
    u, initial = PINN_MLP.create(
        key=jax.random.PRNGKey(0), eqx_list=tuple(shape[:-1]), eq_type="PDEStatio"
    )
    flat, structure = jax.tree.flatten(initial)
    given = [jnp.asarray(a) for pair in weights for a in pair]
    assert [a.shape for a in flat] == [a.shape for a in given]
    parameters = Params(nn_params=jax.tree.unflatten(structure, given), eq_params=None)

    class Equation(PDEStatio):
        def equation(self, x: Any, u: Any, params: Any) -> Any:
            derivative, _ = nested(lambda x: u(x, params), x)
            laplacian = lambda k: laplacian_rev(x, lambda x, p: u(x, p)[k], params, eq_type="PDEStatio")  # noqa: E731
            return jnp.stack(equations(case, derivative, laplacian, [x[i] for i in range(dimension)]))

    loss = LossPDEStatio(
        u=u, dynamic_loss=Equation(), loss_weights=LossWeightsPDEStatio(dyn_loss=1.0), params=parameters
    )
    batch = PDEStatioBatch(domain_batch=x, border_batch=None)
    at = lambda p, x: loss.dynamic_loss[0].evaluate(x, u, p)  # noqa: E731
    return (
        parameters, lambda p: jax.vmap(at, (None, 0))(p, x), lambda p: loss.evaluate(p, batch)[0],
        lambda p: jax.vmap(jax.jacrev(at), (None, 0))(p, x),
    )  # fmt: skip


if __name__ == "__main__":
    contend(("jinns", "jax"), pose)
