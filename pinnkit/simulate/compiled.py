"""Compiled functions that take the arrays they close over as arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled at its first call, for arguments of one shape.

    Arrays that it closes over are handed to the compiled program. Built into it, as ``jit`` does, tables of a
    mesh would be multiplied out by the compiler, which takes longer than to solve.
    """
    programs: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not programs:
            closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
            run = jax.jit(lambda constants, *flat: jax.core.eval_jaxpr(closed.jaxpr, constants, *flat))
            tree = jax.tree.structure(shape)
            programs.append(
                lambda *given: jax.tree.unflatten(tree, run(closed.consts, *jax.tree.leaves(given)))
            )
        return programs[0](*arguments)

    return call
