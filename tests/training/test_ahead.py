"""Stages to come are compiled beside the one that trains, once, and with the settings of the run."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from pinnkit.training.ahead import Ahead
from pinnkit.training.checkpoint import Stage
from pinnkit.training.first_order import Adam
from pinnkit.training.least_squares import Block, LeastSquares
from pinnkit.training.optimiser import run_chunk
from pinnkit.training.quasi_newton import SSBroyden

SCHEDULE = (Stage(Adam(), 10), Stage(SSBroyden(), 20))
COMPILED = "/jax/core/compile/backend_compile_duration"


def line(rows=7):
    x = jnp.linspace(0, 1, rows)
    block = Block("line", lambda fields, x: (fields[0] + fields[1] * x - 2)[:, None], x, jnp.asarray(1.0))
    return LeastSquares((jnp.asarray(0.5, float), jnp.asarray(0.1, float)), [block])


def test_a_stage_that_was_waited_for_is_not_compiled_again():
    problem, stage = line(), SCHEDULE[1]
    ahead = Ahead(SCHEDULE, problem, problem.theta, 100)
    ahead._stages[stage].result()
    state = stage.optimiser.init(problem, problem.theta)
    told = []
    jax.monitoring.register_event_duration_secs_listener(
        listener := lambda event, seconds, **which: event == COMPILED and told.append(which.get("fun_name"))
    )
    try:
        _, _, losses = run_chunk(stage.optimiser, problem, problem.theta, state, 20)
    finally:
        jax.monitoring.unregister_event_duration_listener(listener)
        ahead.close()
    assert losses[-1] < 1e-20
    assert not [name for name in told if "_loop" in str(name)]


def test_a_stage_that_cannot_be_compiled_is_left_to_the_caller():
    def broken(fields, x):
        raise ZeroDivisionError

    problem = LeastSquares((jnp.asarray(0.5),), [Block("b", broken, jnp.zeros(3), jnp.asarray(1.0))])
    ahead = Ahead(SCHEDULE, problem, problem.theta, 100)
    ahead.wait(SCHEDULE[1])
    ahead.close()
