"""A run from file to verdict: what it writes, how it stops, how it goes on."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest
import xarray as xr

import pinnkit as pk
from pinnkit.driver import Interrupted, TrainingFailed, judge, monitor, run
from pinnkit.driver import store as storing
from pinnkit.solution import RunDirectoryError
from pinnkit.training import loop

POINTS = np.linspace(0, 1, 101)[:, None]


def test_writes_everything_and_judges(rod, tmp_path):
    out = tmp_path / "run"
    outcome = run(rod, out=out, progress=False)
    assert outcome.passed, str(outcome.comparison)
    for name in ("report.html", "metrics.json", "solution.nc", "solution.vtu", "reference.nc", "log.jsonl"):
        assert (out / name).is_file(), name
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["status"] == "passed"
    assert metrics["unknowns"]["u"]["relative_l2"] <= 1e-3
    assert metrics["unknowns"]["u"]["reference_error"] == 0.0
    assert metrics["unknowns"]["u"]["trivial"] == pytest.approx(1.0)
    assert metrics["seed"] == 0
    assert metrics["versions"]["pinnkit"] == pk.__version__
    assert 0 < metrics["timing"]["compile"] < metrics["timing"]["wall"]
    with xr.open_dataset(out / "solution.nc", engine="h5netcdf") as fields:
        assert fields["u"].dims == ("x",)
        np.testing.assert_allclose(fields["u"], np.sin(np.pi * fields["x"]), atol=2e-3)
    history = outcome.solution.record.history
    assert {"iteration", "loss", "stage", "seconds", "loss_equations", "error_u"} <= set(history)
    assert len({len(column) for column in history.values()}) == 1
    assert np.nanmin(history["error_u"]) < 1e-3
    assert str(out) in outcome.summary()


def test_resolved_file_repeats_the_run(rod, tmp_path):
    first = run(rod, out=tmp_path / "first", progress=False).solution
    again = pk.solve(tmp_path / "first" / "problem.resolved.yaml", progress=False)
    np.testing.assert_array_equal(again(POINTS), first(POINTS))


def test_python_writes_nothing_without_out(rod, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    solution = pk.solve(rod, progress=False)
    assert sorted(tmp_path.iterdir()) == before
    assert pk.validate(solution, against="exact", tolerance=1e-3).passed


def test_options_given_in_python_override_the_file(rod):
    short = [{"adam": 5}, {"ssbroyden": 5}]
    solution = pk.solve(rod, seed=3, progress=False, network={"width": 5}, optimizer=short)
    assert solution.record.seed == 3
    assert solution.record.options["network"]["width"] == 5
    assert solution.record.options["network"]["depth"] == 2, "the rest of the section stays"


def test_judge_takes_another_reference(rod, tmp_path):
    run(rod, out=tmp_path / "run", progress=False)
    comparison = judge(tmp_path / "run", "fem")
    assert comparison.reference == "fem"
    assert comparison.tolerance == 1e-3
    assert comparison.passed


def test_global_settings_are_put_back(rod):
    before = jax.config.values.copy()
    solution = pk.solve(rod, progress=False)
    assert jax.config.values == before
    assert not jax.config.jax_enable_x64
    assert solution(POINTS).dtype == np.float64
    assert jax.config.values == before


class Killed(Exception):
    """Stands for whatever ends a process without a word."""


def stop_at(monkeypatch, iteration, reason):
    """Let the run end with ``reason`` once an iteration is reported; every chunk is saved."""
    heard = monitor.Monitor.__call__

    def call(self, progress):
        heard(self, progress)
        if progress.iteration >= iteration:
            raise reason

    monkeypatch.setattr(monitor.Monitor, "__call__", call)
    made = loop.Callbacks
    monkeypatch.setattr(loop, "Callbacks", lambda **given: made(**given, save_seconds=-1.0))


@pytest.fixture
def short_chunks(monkeypatch):
    """Chunks of twenty iterations, so that a short run has several."""
    trained = loop.train
    monkeypatch.setattr(loop, "train", lambda *given, **more: trained(*given, chunk=20, **more))


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize(("iteration", "reason"), [(60, KeyboardInterrupt()), (60, Killed()), (20, Killed())])
def test_stopped_run_goes_on_to_the_same_numbers(rod, tmp_path, monkeypatch, iteration, reason):
    whole = run(rod, out=tmp_path / "whole", progress=False)

    with monkeypatch.context() as patch:
        stop_at(patch, iteration, reason)
        with pytest.raises((Interrupted, Killed)) as stopped:
            run(rod, out=tmp_path / "run", progress=False)
        if stopped.type is Interrupted:
            assert f"--out {tmp_path / 'run'} --resume" in str(stopped.value)
            assert f"{iteration} iterations are saved" in str(stopped.value)
    assert not (tmp_path / "run" / "report.html").exists()

    resumed = run(rod, out=tmp_path / "run", resume=True, progress=False)
    np.testing.assert_array_equal(resumed.solution(POINTS), whole.solution(POINTS))
    np.testing.assert_array_equal(
        resumed.solution.record.history["loss"], whole.solution.record.history["loss"]
    )
    assert resumed.passed == whole.passed
    np.testing.assert_array_equal(pk.load(tmp_path / "run")(POINTS), whole.solution(POINTS))


@pytest.mark.usefixtures("short_chunks")
def test_interrupted_run_can_be_looked_at_and_is_not_overwritten(rod, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_at(patch, 40, KeyboardInterrupt())
        with pytest.raises(Interrupted):
            run(rod, out=tmp_path / "run", progress=False)
    solution = pk.load(tmp_path / "run")
    assert solution.record.status == "interrupted"
    assert np.isfinite(solution(POINTS)).all()
    with pytest.raises(RunDirectoryError, match="--resume"):
        run(rod, out=tmp_path / "run", progress=False)


def test_resuming_a_finished_run_changes_nothing(rod, tmp_path):
    first = run(rod, out=tmp_path / "run", progress=False)
    again = run(rod, out=tmp_path / "run", resume=True, progress=False)
    np.testing.assert_array_equal(again.solution(POINTS), first.solution(POINTS))
    assert again.passed


def test_resuming_otherwise_is_refused(rod, tmp_path):
    run(rod, out=tmp_path / "run", progress=False)
    with pytest.raises(RunDirectoryError, match=r"started otherwise: solver\.seed \(0 there, 1 here\)"):
        run(rod, out=tmp_path / "run", resume=True, overrides=[(("solver", "seed"), 1)], progress=False)
    rod.write_text(rod.read_text().replace("-u_xx + u", "-u_xx + 2*u").replace("pi**2 + 1", "pi**2 + 2"))
    with pytest.raises(RunDirectoryError, match="started otherwise: the problem"):
        run(rod, out=tmp_path / "run", resume=True, progress=False)


def test_not_a_number_is_a_failure_that_keeps_the_last_state(rod, tmp_path):
    text = rod.read_text().replace("-u_xx + u = (pi**2 + 1)*sin(pi*x)", "-u_xx + log(u - 5) = 0")
    rod.write_text(text.replace('exact: {u: "sin(pi*x)"}\n', "").replace("exact: {}", "fem: {}"))
    with pytest.raises(TrainingFailed, match="not finite"):
        pk.solve(rod, progress=False)


def test_bad_input_writes_nothing(rod, tmp_path):
    rod.write_text(rod.read_text().replace("width: 8", "widht: 8"))
    with pytest.raises(pk.DeclarationError, match=r"rod\.yaml:10.*widht"):
        run(rod, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_folder_with_other_things_is_left_alone(rod, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("words")
    with pytest.raises(RunDirectoryError, match="left untouched"):
        run(rod, out=tmp_path / "thesis", progress=False)
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


def test_trained_field_takes_any_number_of_points():
    field = storing.TrainedField(lambda fields, points: {"u": fields * points[:, 0]})
    for count in (0, 1, 255, 256, 257, 20_000):
        points = np.random.default_rng(count).uniform(size=(count, 2))
        np.testing.assert_array_equal(field(2.0, points)["u"], 2.0 * points[:, 0])
