"""DeepXDE with its JAX backend: its data, network, gradients and loss."""

from __future__ import annotations

import os
from typing import Any

os.environ["DDE_BACKEND"] = "jax"

import deepxde as dde
import jax
import jax.numpy as jnp
from derivatives_task import CASES, contend, equations, layers


def pose(case: str, data: Any) -> tuple[Any, ...]:
    """Parameters, residual, loss and Jacobian."""
    dde.config.set_default_float("float64")
    dimension, unknowns = CASES[case]
    x = jnp.asarray(data["x"])

    def pde(x: Any, y: Any) -> list[Any]:
        dde.grad.clear()

        def derivative(k: int, *axes: int) -> Any:
            if not axes:
                return y[0][:, k : k + 1]
            if len(axes) == 2:
                return dde.grad.hessian(y, x, component=k, i=axes[0], j=axes[1])[0]
            derived = dde.grad.jacobian(y, x, i=k, j=axes[0])
            for axis in axes[1:]:
                derived = dde.grad.jacobian(derived, x, i=0, j=axis)
            return derived[0]

        coordinates = [x[:, i : i + 1] for i in range(dimension)]
        laplacian = lambda k: sum(derivative(k, i, i) for i in range(dimension))  # noqa: E731
        return equations(case, derivative, laplacian, coordinates)

    geometry = dde.geometry.Hypercube([0.0] * dimension, [1.0] * dimension)
    problem = dde.data.PDE(geometry, pde, [], anchors=data["x"])
    weights = layers(data)
    sizes = [dimension, *(len(bias) for _, bias in weights)]
    assert sizes[-1] == unknowns
    model = dde.Model(problem, dde.nn.FNN(sizes, "tanh", "Glorot normal"))
    model.compile("adam", lr=1e-3)
    names = sorted(model.params[0]["params"], key=lambda name: int(name.rsplit("_", 1)[1]))
    network = {
        name: {"kernel": jnp.asarray(w.T), "bias": jnp.asarray(b)}
        for name, (w, b) in zip(names, weights, strict=True)
    }
    parameters = {"params": network}

    def residual_at(parameters: Any, x: Any) -> Any:
        function = lambda x: model.net.apply(parameters, x, training=True)  # noqa: E731
        return jnp.concatenate(pde(x, (function(x), function)), axis=1)

    def loss(parameters: Any) -> Any:
        return jnp.sum(model.outputs_losses_train([parameters, []], x, None)[1])

    return (
        parameters, lambda p: residual_at(p, x), loss,
        lambda p: jax.vmap(jax.jacrev(lambda p, one: residual_at(p, one[None])[0]), (None, 0))(p, x),
    )  # fmt: skip


if __name__ == "__main__":
    contend(("deepxde", "jax"), pose)
