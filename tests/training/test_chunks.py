"""A chunk of iterations is one program of the device: nothing in it calls the host."""

from __future__ import annotations

from collections.abc import Iterator

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from pinnkit.training import OPTIMISERS
from pinnkit.training.optimiser import _loop

from .problems import rod


def primitives(jaxpr) -> Iterator[str]:
    """Names of all primitives, those of inner programs too."""
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda p: hasattr(p, "eqns")):
            inner = getattr(inner, "jaxpr", inner)
            if hasattr(inner, "eqns"):
                yield from primitives(inner)


def calls_to_the_host(function, *arguments) -> set[str]:
    """Callbacks in a function's program."""
    program, _, _ = eqx.filter_make_jaxpr(function)(*arguments)
    signs = ("callback", "debug", "infeed", "outfeed")
    return {name for name in primitives(program.jaxpr) if any(sign in name for sign in signs)}


def test_a_call_is_seen():
    def noisy(x):
        return jax.lax.while_loop(lambda x: x < 3, lambda x: (jax.debug.print("{}", x), x + 1)[1], x)

    assert calls_to_the_host(noisy, jnp.asarray(0.0))


@pytest.mark.parametrize("name", OPTIMISERS)
def test_no_optimiser_calls_the_host_within_a_chunk(name):
    optimiser, problem = OPTIMISERS[name](), rod()

    def chunk(theta):
        state = optimiser.init(problem, theta)
        return _loop(optimiser, problem, theta, state, jnp.zeros(4, theta.dtype), jnp.asarray(4))

    assert not calls_to_the_host(chunk, problem.theta)
