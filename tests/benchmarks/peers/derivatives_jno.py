"""jNO: its traced expressions, with its shared derivative passes, and the gradient of its training step."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jno
from derivatives_task import CASES, apply, contend, equations, layers
from jno.core import _trainable_filter


class Network(eqx.Module):
    layers: list[tuple[Any, Any]]

    def __call__(self, *columns: Any, **_: Any) -> Any:
        return apply(self.layers, jnp.concatenate(columns, axis=-1))


def pose(case: str, data: Any) -> tuple[Any, ...]:
    """Parameters, residual and loss; it has no Jacobian by point."""
    dimension, unknowns = CASES[case]
    domain = jno.domain.from_array({"interior": data["x"]})
    x = domain.variable("interior")[:dimension]
    network = jno.nn.wrap(Network([(jnp.asarray(w), jnp.asarray(b)) for w, b in layers(data)]))
    whole = network(*x)
    parts = [whole] if unknowns == 1 else [whole[..., k : k + 1] for k in range(unknowns)]

    def derivative(k: int, *axes: int) -> Any:
        derived = parts[k]
        for axis in axes:
            derived = derived.d(x[axis])
        return derived

    rows = equations(case, derivative, lambda k: parts[k].laplacian(*x), x)
    core = jno.core([row.mse for row in rows], domain=domain)
    core.compile()
    modules = core._collect_flax_modules()
    trainable, rest = eqx.partition(core.models, _trainable_filter(core.models, modules))
    frozen, static = eqx.partition(rest, eqx.is_array)
    context, key = core.domain_data.context, jax.random.PRNGKey(0)
    loss = core._make_loss_fn(core.compiled_constraints_fn, None, frozen, static)
    plain = jno.core(rows, domain=domain)
    plain.compile()
    evaluate = plain.compiled_constraints_fn

    def residual(trainable: Any) -> Any:
        found = evaluate(eqx.combine(trainable, frozen, static), context, batchsize=None, key=key)
        return jnp.stack([jnp.ravel(row) for row in found], axis=1)

    return trainable, residual, lambda p: len(rows) * loss(p, context, key)[0], None


if __name__ == "__main__":
    contend(("jax-numerical-operators", "jax"), pose)
