"""Blocks that are replaced between stages: when, from what, and again after an interruption."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.driver.numerics import numerics
from pinnkit.training import (
    AbstractRefinement,
    Block,
    Callbacks,
    LeastSquares,
    Stage,
    TrainingInterrupted,
    train,
)
from pinnkit.training.first_order import Adam
from pinnkit.training.quasi_newton import SSBroyden
from pinnkit.training.weighting import with_blocks

SCHEDULE = (Stage(SSBroyden(), 30), Stage(SSBroyden(), 30, refine=True), Stage(Adam(), 40))


def residual(theta, points):
    return (theta["a"] + theta["b"] * points - jnp.sin(points))[:, None]


class Doubled(AbstractRefinement):
    """A line fitted to a sine at points that become twice as many."""

    def __init__(self):
        self._bare = LeastSquares({"a": jnp.zeros(()), "b": jnp.zeros(())}, ())
        self.measurements = []

    def start(self):
        return {"points": np.linspace(0, 1, 4)}

    def posed(self, state):
        block = Block("fit", residual, jnp.asarray(state["points"]), jnp.asarray(1.0))
        return with_blocks(self._bare, [block])

    def measured(self, problem, theta, state, iteration):
        self.measurements.append(iteration)
        return {**state, "loss": np.asarray(float(problem.loss(theta)))}

    def refined(self, state):
        return {"points": np.linspace(0, 2, 2 * len(state["points"]))}

    def figures(self, state):
        return {"points": float(len(state["points"]))}

    def remarks(self, state):
        return (f"{len(state['points'])} points",)


def trained(refinement, **more):
    with numerics():
        problem = refinement.posed(refinement.start())
        return train(problem, SCHEDULE, seed=0, chunk=10, refinement=refinement, **more)


def test_a_stage_that_asks_for_it_sees_the_next_blocks():
    told, refinement = [], Doubled()
    result = trained(refinement, callbacks=Callbacks(progress=told.append))
    counts = [progress.adaptivity["points"] for progress in told]
    ends = [k for k, progress in enumerate(told) if progress.ended]
    assert counts == [4.0] * (ends[0] + 1) + [8.0] * (len(counts) - ends[0] - 1)
    assert len(ends) == 3
    assert refinement.measurements == [told[ends[0]].iteration, result.iterations]
    assert result.refinement["points"].tolist() == np.linspace(0, 2, 8).tolist()
    assert "8 points" in result.notes
    x = np.linspace(0, 2, 8)
    slope, offset = np.polyfit(x, np.sin(x), 1)
    np.testing.assert_allclose([result.fields["a"], result.fields["b"]], [offset, slope], atol=1e-3)


def test_a_small_residual_on_blocks_that_are_to_be_refined_ends_nothing():
    result = trained(Doubled(), tolerance=0.5)
    assert result.refinement["points"].size == 8
    assert "the residual has fallen" in result.message


@pytest.mark.parametrize("after", [20, 45])
def test_an_interrupted_run_goes_on_with_the_blocks_it_had(after):
    whole = trained(Doubled())
    kept = []

    def stop(progress):
        if progress.iteration >= after and not kept:
            raise KeyboardInterrupt

    save = lambda arrays, metadata: kept.append((dict(arrays), metadata))  # noqa: E731
    with pytest.raises(TrainingInterrupted):
        trained(Doubled(), callbacks=Callbacks(progress=stop, save=save, save_seconds=1e9))
    again = trained(Doubled(), resume=kept[0])
    assert float(again.fields["a"]) == float(whole.fields["a"])
    np.testing.assert_array_equal(again.history["loss"], whole.history["loss"])
