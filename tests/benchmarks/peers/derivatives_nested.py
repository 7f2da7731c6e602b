"""Hand-written nested reverse differentiation, one ``jax.grad`` for each derivative, under ``vmap``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from derivatives_task import apply, contend, equations, layers


def nested(function: Callable[[Any], Any], x: Any) -> tuple[Callable[..., Any], Callable[[int], Any]]:
    """Derivatives of the components of a function of one point, and their Laplacians."""

    def along(inner: Callable[[Any], Any], axis: int) -> Callable[[Any], Any]:
        return lambda x: jax.grad(inner)(x)[axis]

    def derivative(k: int, *axes: int) -> Any:
        derived = lambda x: function(x)[k]  # noqa: E731
        for axis in axes:
            derived = along(derived, axis)
        return derived(x)

    return derivative, lambda k: sum(derivative(k, axis, axis) for axis in range(x.size))


def pose(case: str, data: Any) -> tuple[Any, ...]:
    """Parameters, residual, loss and Jacobian."""
    points = jnp.asarray(data["x"])
    parameters = jax.tree.map(jnp.asarray, layers(data))

    def at(parameters: Any, x: Any) -> Any:
        derivative, laplacian = nested(lambda x: apply(parameters, x), x)
        return jnp.stack(equations(case, derivative, laplacian, list(x)))

    def residual(parameters: Any) -> Any:
        return jax.vmap(at, (None, 0))(parameters, points)

    return (
        parameters, residual, lambda p: jnp.mean(jnp.sum(residual(p) ** 2, 1)),
        lambda p: jax.vmap(jax.jacrev(at), (None, 0))(p, points),
    )  # fmt: skip


if __name__ == "__main__":
    contend(("jax",), pose)
