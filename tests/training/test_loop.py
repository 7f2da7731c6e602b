"""The training loop: what it keeps and takes up again, how it ends, and what it tells."""

from __future__ import annotations

import json

import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.fields.collocation import prepare
from pinnkit.training import Block, Callbacks, LeastSquares, Stage, TrainingInterrupted, train
from pinnkit.training.first_order import Adam
from pinnkit.training.quasi_newton import LBFGS, SSBroyden

from .problems import U, network, offset, rod

# Two stages with redraws inside both; 65 is no multiple of a chunk.
SCHEDULE = (Stage(Adam(), 65), Stage(SSBroyden(), 60))
SETTINGS = {"seed": 3, "chunk": 10, "redraw_every": 20}


class Stop:
    """Ctrl-C in the callback after some chunks; keeps what was saved, as a file would."""

    def __init__(self, chunks=10**6):
        self.left, self.saved, self.told = chunks, None, []

    def __call__(self, progress):
        self.told.append(progress)
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt

    def save(self, arrays, metadata):
        copies = {name: np.array(array) for name, array in arrays.items()}
        self.saved = copies, json.loads(json.dumps(metadata))

    @property
    def callbacks(self):
        return Callbacks(progress=self, save=self.save, save_seconds=1e9)


@pytest.fixture(scope="module")
def problem():
    import jax

    with jax.enable_x64(True):
        return rod()


@pytest.fixture(scope="module")
def whole(problem):
    """The run that nothing interrupts, and what it saves at its end."""
    import jax

    with jax.enable_x64(True):
        keeper = Stop()
        return train(problem, SCHEDULE, callbacks=keeper.callbacks, **SETTINGS), keeper


def theta(problem, result):
    return LeastSquares(result.fields, problem.blocks).theta


def assert_same(problem, result, other):
    np.testing.assert_array_equal(theta(problem, result), theta(problem, other))
    for column in ("iteration", "loss", "stage"):
        np.testing.assert_array_equal(result.history[column], other.history[column])
    assert (result.loss, result.message, result.notes) == (other.loss, other.message, other.notes)


def test_the_loss_falls_through_stages_and_redraws(whole):
    result, keeper = whole
    assert not result.failed
    assert result.loss < 1e-3 * result.history["loss"][0]
    assert result.message == "all stages were run through"
    np.testing.assert_array_equal(result.history["stage"], [0] * 65 + [1] * 60)
    np.testing.assert_array_equal(result.history["iteration"], np.arange(1, 126))
    assert np.all(np.diff(result.history["seconds"]) >= 0)
    # At 20, 40 and 60 iterations of Adam, at 20 and 40 of SSBroyden, not at the end of a stage.
    assert keeper.saved[1]["draws"] == 5


def test_the_same_seed_gives_the_same_run_and_another_other_points(problem, whole):
    assert_same(problem, train(problem, SCHEDULE, **SETTINGS), whole[0])
    other = train(problem, SCHEDULE, **{**SETTINGS, "seed": 4})
    first_redraw = 20
    np.testing.assert_array_equal(
        other.history["loss"][:first_redraw], whole[0].history["loss"][:first_redraw]
    )
    assert np.any(other.history["loss"] != whole[0].history["loss"])


# After chunk 1: plain; 2: a redraw is due; 7: Adam is done; 8: within SSBroyden; 9: a redraw; 13: all done.
@pytest.mark.parametrize("chunks", [1, 2, 7, 8, 9, 13])
def test_resumed_equals_uninterrupted_bit_for_bit(problem, whole, chunks):
    stop = Stop(chunks)
    with pytest.raises(TrainingInterrupted):
        train(problem, SCHEDULE, callbacks=stop.callbacks, **SETTINGS)
    assert len(stop.saved[0]["history_loss"]) == stop.told[-1].iteration
    assert_same(problem, train(problem, SCHEDULE, resume=stop.saved, **SETTINGS), whole[0])


def test_interrupted_twice(problem, whole):
    first, second = Stop(3), Stop(6)
    with pytest.raises(TrainingInterrupted):
        train(problem, SCHEDULE, callbacks=first.callbacks, **SETTINGS)
    with pytest.raises(TrainingInterrupted):
        train(problem, SCHEDULE, callbacks=second.callbacks, resume=first.saved, **SETTINGS)
    assert_same(problem, train(problem, SCHEDULE, resume=second.saved, **SETTINGS), whole[0])


def test_interrupted_in_the_midst_of_a_chunk_loses_that_chunk_only(problem, whole, monkeypatch):
    from pinnkit.training import loop

    chunks, stop = iter(range(100)), Stop()

    def interrupted(*arguments):
        if next(chunks) == 4:
            raise KeyboardInterrupt
        return run_chunk(*arguments)

    run_chunk = loop.run_chunk
    monkeypatch.setattr(loop, "run_chunk", interrupted)
    with pytest.raises(TrainingInterrupted):
        train(problem, SCHEDULE, callbacks=stop.callbacks, **SETTINGS)
    monkeypatch.undo()
    assert len(stop.saved[0]["history_loss"]) == 40
    assert_same(problem, train(problem, SCHEDULE, resume=stop.saved, **SETTINGS), whole[0])


def test_a_finished_run_resumed_takes_no_step(problem, whole):
    again = Stop()
    result = train(problem, SCHEDULE, resume=whole[1].saved, callbacks=again.callbacks, **SETTINGS)
    assert_same(problem, result, whole[0])
    assert again.told == []


def test_stages_to_come_may_be_added(problem, whole):
    result = train(problem, (*SCHEDULE, Stage(LBFGS(), 10)), resume=whole[1].saved, **SETTINGS)
    np.testing.assert_array_equal(result.history["loss"][:125], whole[0].history["loss"])
    assert len(result.history["loss"]) == 135


@pytest.mark.parametrize(
    ("schedule", "says"),
    [
        ((Stage(Adam(), 66), SCHEDULE[1]), "stage 1.*iterations: 65 → 66"),
        ((Stage(Adam(learning_rate=0.1), 65), SCHEDULE[1]), "stage 1.*learning_rate: 0.005 → 0.1"),
        ((SCHEDULE[0], Stage(LBFGS(), 60)), "stage 2.*name: ssbroyden → lbfgs"),
        (SCHEDULE[:1], "stage 2.*name: ssbroyden → none"),
    ],
)
def test_refuses_another_schedule(problem, schedule, says):
    stop = Stop(9)
    with pytest.raises(TrainingInterrupted):
        train(problem, SCHEDULE, callbacks=stop.callbacks, **SETTINGS)
    with pytest.raises(ValueError, match=f"{says}.*resume with the schedule"):
        train(problem, schedule, resume=stop.saved, **SETTINGS)


def test_refuses_another_problem(whole):
    with pytest.raises(
        ValueError, match=r"holds 61 parameters, this problem has 78: resume with the options"
    ):
        train(rod(width=7), SCHEDULE, resume=whole[1].saved, **SETTINGS)
    with pytest.raises(ValueError, match=r"'equation', 20.*'equation', 21"):
        train(rod(points=21), SCHEDULE, resume=whole[1].saved, **SETTINGS)


def test_refuses_what_an_earlier_version_kept(problem, whole):
    arrays, metadata = whole[1].saved
    earlier = {name: value for name, value in metadata.items() if name != "rules"}
    with pytest.raises(ValueError, match="resume with the version"):
        train(problem, SCHEDULE, resume=(arrays, earlier), **SETTINGS)


def wall(height):
    """u = 2 at ten points, NaN wherever u exceeds ``height``."""

    def residual(fields, at):
        u = fields.jets(at, {"u": (U,)})["u", U]
        return (u - 2 + 0 * jnp.sqrt(height - u))[:, None]

    points = prepare({}, {}, np.linspace(-1, 1, 10)[:, None])
    return LeastSquares(network(), [Block("wall", residual, points, jnp.asarray(1.0))])


def test_nan_is_rolled_back_and_a_shorter_step_is_tried():
    problem = wall(4.0)
    schedule = (Stage(Adam(learning_rate=1.0, warm_up=0), 60), Stage(SSBroyden(), 30))
    result = train(problem, schedule, seed=0, chunk=10)
    assert not result.failed
    assert any(note.startswith("adam after") and "taken back" in note for note in result.notes)
    assert result.loss < 1e-6
    assert np.all(np.isfinite(result.history["loss"]))


def test_nan_on_every_route_is_a_failure_that_keeps_the_last_finite_fields():
    problem, keeper = wall(1.5), Stop()
    schedule = (Stage(Adam(learning_rate=0.05, warm_up=0), 300),)
    result = train(problem, schedule, seed=0, chunk=20, callbacks=keeper.callbacks)
    assert result.failed
    assert result.message.startswith("adam: not finite")
    assert "division by zero" in result.message
    assert "smaller learning rate" in result.message
    assert sum("begun anew" in note for note in result.notes) == 2
    # The fields are the last good ones, those of the last loss in the history, close to the wall.
    assert 1 < result.iterations < 300
    np.testing.assert_allclose(problem.loss(theta(problem, result)), result.loss, rtol=1e-14)
    np.testing.assert_allclose(result.loss, result.history["loss"][-1], rtol=1e-14)
    again = train(problem, schedule, seed=0, chunk=20, resume=keeper.saved)
    assert again.failed
    assert again.message == result.message


def weighted(problem, factor):
    return LeastSquares(
        problem.fields,
        [Block(b.name, b.residual, b.points, b.weight * factor, b.pool) for b in problem.blocks],
        linear=problem.linear,
    )


def test_a_problem_in_small_units_trains_and_is_judged_as_its_twin(problem, whole):
    small = weighted(problem, 1e-16)
    result = train(small, SCHEDULE, **SETTINGS)
    assert not result.failed
    assert result.loss == pytest.approx(1e-16 * whole[0].loss, rel=10)
    np.testing.assert_allclose(result.history["loss"][:5], 1e-16 * whole[0].history["loss"][:5], rtol=1e-4)
    stuck = train(weighted(offset(), 1e-16), (Stage(LBFGS(patience=20), 100),), seed=0)
    assert stuck.failed


def test_a_start_that_is_good_already_is_no_failure(problem, whole):
    warm = LeastSquares(whole[0].fields, problem.blocks, linear=problem.linear)
    result = train(warm, (Stage(Adam(learning_rate=1e-9, final_rate=1e-9), 2),), seed=0)
    assert not result.failed
    cold = train(problem, (Stage(Adam(learning_rate=1e-9, final_rate=1e-9), 2),), seed=0)
    assert cold.failed
    assert "fields of zero have" in cold.message


def test_nan_from_the_start():
    result = train(wall(-10.0), (Stage(Adam(), 100),), seed=0)
    assert result.failed
    assert result.iterations == 0
    assert "not finite" in result.message


def test_an_equation_without_solution_is_reported_after_two_fresh_starts():
    stop = Stop()
    result = train(offset(), (Stage(LBFGS(patience=20), 300),), seed=0, callbacks=stop.callbacks)
    assert result.failed
    assert "the loss went from" in result.message
    assert "widen the network" in result.message
    assert all(note.startswith("lbfgs after") for note in result.notes)
    assert sum("stagnated" in note and "begun anew" in note for note in result.notes) <= 2
    assert result.notes[-1].startswith(f"lbfgs after {result.iterations} iterations: stagnated")
    assert stop.saved[1]["draws"] <= 2


def test_tolerance_ends_training_and_holds_when_resumed(problem):
    stop = Stop()
    result = train(problem, SCHEDULE, tolerance=0.3, callbacks=stop.callbacks, **SETTINGS)
    assert "factor 0.3" in result.message
    assert result.iterations < 125
    assert result.history["loss"][-1] <= 0.09 * stop.saved[1]["first_loss"]
    again = train(problem, SCHEDULE, tolerance=0.3, resume=stop.saved, **SETTINGS)
    assert_same(problem, again, result)


def test_a_time_limit_ends_training_and_more_time_takes_it_to_the_same_end(problem, whole):
    stop = Stop()
    result = train(problem, SCHEDULE, time_limit=1e-9, callbacks=stop.callbacks, **SETTINGS)
    assert "time limit of 1e-09 s was reached" in result.message
    assert result.iterations == SETTINGS["chunk"]
    assert_same(problem, train(problem, SCHEDULE, resume=stop.saved, **SETTINGS), whole[0])


def test_progress_tells_what_was_reached(problem, whole):
    result, keeper = whole
    assert [p.iteration for p in keeper.told] == [10, 20, 30, 40, 50, 60, 65, 75, 85, 95, 105, 115, 125]
    assert [p.stage for p in keeper.told] == ["adam"] * 7 + ["ssbroyden"] * 6
    assert {p.total for p in keeper.told} == {125}
    first = keeper.told[0]
    assert first.loss == result.history["loss"][9]
    # The weighted sum of block losses at the points of that chunk is its loss.
    assert first.block_losses["equation"] + 10 * first.block_losses["ends"] == pytest.approx(first.loss)
    assert problem.loss(LeastSquares(first.fields(), problem.blocks).theta) == pytest.approx(first.loss)


def test_saves_now_and_then(problem):
    saved = []
    callbacks = Callbacks(save=lambda arrays, metadata: saved.append(metadata["taken"]), save_seconds=0.0)
    train(problem, (Stage(Adam(), 30),), callbacks=callbacks, **SETTINGS)
    assert saved == [10, 20, 0, 0]  # the stage ended, and training did
