"""Nothing that was saved is lost: kills, full disks, torn lines, damaged checkpoints, two runs at once."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from pinnkit.solution import RunDirectory, RunDirectoryError, StorageError, write_text
from pinnkit.solution.atomic import is_temporary, replacing


@pytest.fixture
def run(tmp_path):
    directory = RunDirectory(tmp_path / "run")
    write_text(directory.problem, "name: x\n")
    return directory


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# -- atomic files ------------------------------------------------------------------------------------------


def test_a_crash_while_writing_keeps_the_old_file(tmp_path):
    path = tmp_path / "solution.nc"
    path.write_text("old")

    def interrupted():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["solution.nc"]


def test_the_temporary_file_keeps_its_suffix(tmp_path):
    with replacing(tmp_path / "solution.vtu") as temporary:
        assert temporary.suffix == ".vtu"
        assert is_temporary(temporary)
        temporary.write_text("new")
    assert names(tmp_path) == ["solution.vtu"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_says_so_and_keeps_the_old_file(tmp_path, monkeypatch, step):
    path = tmp_path / "metrics.json"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(StorageError, match=r"metrics.json could not be written: the disk is full.*--resume"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["metrics.json"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(StorageError, match=r"No such file or directory.*check that the folder exists"):
        write_text(tmp_path / "nowhere" / "metrics.json", "new")


def test_new_files_have_ordinary_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    write_text(tmp_path / "written", "")
    assert (tmp_path / "plain").stat().st_mode == (tmp_path / "written").stat().st_mode


# -- the folder --------------------------------------------------------------------------------------------


def test_makes_missing_folders(tmp_path):
    assert RunDirectory(tmp_path / "a" / "b").path.is_dir()


def test_takes_an_empty_folder_and_its_own(tmp_path, run):
    (tmp_path / "empty").mkdir()
    RunDirectory(tmp_path / "empty")
    RunDirectory(run.path)


def test_takes_what_a_run_killed_at_birth_left(tmp_path):
    (tmp_path / ".pinnkit.lock").write_text("1\n")
    (tmp_path / ".problem.resolved-01234567.part.yaml").write_text("na")
    RunDirectory(tmp_path)


def test_refuses_a_folder_with_something_else(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(RunDirectoryError, match=r"something other than a run \(thesis.tex\).*--out"):
        RunDirectory(tmp_path)
    assert names(tmp_path) == ["thesis.tex"]


def test_refuses_a_file(tmp_path):
    (tmp_path / "run").write_text("mine")
    with pytest.raises(RunDirectoryError, match="is a file"):
        RunDirectory(tmp_path / "run")


def test_reading_wants_a_run(tmp_path):
    with pytest.raises(RunDirectoryError, match="is no run directory"):
        RunDirectory(tmp_path, create=False)


def test_clearing_leaves_other_peoples_files(run):
    run.save_checkpoint({"theta": np.ones(2)}, {})
    run.append_log({"loss": 1.0})
    (run.path / "my notes.txt").write_text("mine")
    run.clear()
    assert names(run.path) == ["checkpoint", "my notes.txt"]
    assert not run.has_checkpoint


def test_a_folder_cleared_by_a_run_that_was_killed_is_still_its_own(run):
    with run.locked():
        (run.path / "my notes.txt").write_text("mine")
        run.clear()
    RunDirectory(run.path)


# -- log and metrics ---------------------------------------------------------------------------------------


def test_log_reads_back_in_order(run):
    for i in range(3):
        run.append_log({"iteration": i, "loss": np.float64(0.5) ** i})
    assert run.read_log() == [{"iteration": i, "loss": 0.5**i} for i in range(3)]


def test_a_torn_line_costs_only_itself(run):
    run.append_log({"iteration": 1})
    with open(run.log, "ab") as stream:
        stream.write('{"iteration": 2, "note": "ü'.encode()[:-1])
    assert run.read_log() == [{"iteration": 1}]
    run.append_log({"iteration": 3})
    assert run.read_log() == [{"iteration": 1}, {"iteration": 3}]


def test_a_full_disk_while_logging_says_so(run, monkeypatch):
    run.append_log({"iteration": 1})

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open", full)
    with pytest.raises(StorageError, match="the disk is full"):
        run.append_log({"iteration": 2})
    monkeypatch.undo()
    assert run.read_log() == [{"iteration": 1}]


def test_metrics_are_strict_json(run):
    figures = {"error": np.float32(0.5), "bad": np.nan}
    run.write_metrics({"u": figures, "counts": np.arange(2), "path": run.path})
    values = json.loads(run.metrics.read_text(), parse_constant=pytest.fail)
    assert values == {"u": {"error": 0.5, "bad": None}, "counts": [0, 1], "path": str(run.path)}
    assert run.read_metrics() == values


# -- checkpoints -------------------------------------------------------------------------------------------


def test_checkpoint_is_exact(run):
    arrays = {
        "theta": np.random.default_rng(0).normal(size=(3, 5)),
        "bits": np.array([np.nan, np.inf, -0.0, 5e-324]),
        "count": np.int64(7),
        "stage": np.array(["adam", "größer"]),
        "empty": np.empty((0, 2), dtype=np.float32),
    }
    metadata = {"seconds": 0.1 + 0.2, "worst": float("inf"), "seed": np.int64(3), "name": "ü"}
    run.save_checkpoint(arrays, metadata)
    back = run.load_checkpoint()
    assert back.metadata == {**metadata, "seed": 3}
    assert set(back.arrays) == set(arrays)
    for name, array in arrays.items():
        assert back.arrays[name].dtype == np.asarray(array).dtype
        assert back.arrays[name].tobytes() == np.asarray(array).tobytes()
    assert back.warnings == ()


def test_no_checkpoint_is_none(run):
    assert run.load_checkpoint() is None


def test_two_generations_are_kept(run):
    for step in range(5):
        run.save_checkpoint({"step": np.array(step)}, {})
    assert len(names(run.checkpoint)) == 2
    assert run.load_checkpoint().arrays["step"] == 4


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def damage_flip(path):
    data = bytearray(path.read_bytes())
    at = data.index(np.float64(1.0).tobytes())
    data[at] ^= 1
    path.write_bytes(data)


def damage_empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, damage_empty])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(run, damage):
    run.save_checkpoint({"theta": np.zeros(4)}, {"step": 1})
    run.save_checkpoint({"theta": np.ones(4)}, {"step": 2})
    damage(run.checkpoint / names(run.checkpoint)[-1])
    back = run.load_checkpoint()
    assert back.metadata == {"step": 1}
    assert "was passed over" in back.warnings[0]


def test_damage_everywhere_is_an_error(run):
    run.save_checkpoint({"theta": np.ones(4)}, {})
    damage_truncate(run.checkpoint / names(run.checkpoint)[-1])
    with pytest.raises(RunDirectoryError, match=r"no checkpoint .* is whole.*start again without --resume"):
        run.load_checkpoint()


def test_a_swapped_metadata_is_noticed(run):
    run.save_checkpoint({"theta": np.ones(4)}, {"step": 1})
    path = run.checkpoint / names(run.checkpoint)[-1]
    with np.load(path) as archive:
        content = dict(archive)
    content["__metadata__"] = np.frombuffer(b'{"step": 9}', np.uint8)
    np.savez(path, **content)
    with pytest.raises(RunDirectoryError, match="SHA-256"):
        run.load_checkpoint()


def test_a_full_disk_keeps_the_checkpoints_before(run, monkeypatch):
    run.save_checkpoint({"theta": np.zeros(4)}, {"step": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full"):
        run.save_checkpoint({"theta": np.ones(4)}, {"step": 2})
    assert run.load_checkpoint().metadata == {"step": 1}
    assert len(names(run.checkpoint)) == 1


def test_objects_are_not_pickled(run):
    with pytest.raises(ValueError, match="'theta' of type object cannot be saved"):
        run.save_checkpoint({"theta": np.array([object()])}, {})


def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(run):
    script = textwrap.dedent(
        """
        import sys
        import numpy as np
        from pinnkit.solution.run_directory import RunDirectory
        run, step = RunDirectory(sys.argv[1]), 0
        with run.locked():
            while True:
                step += 1
                run.save_checkpoint({"theta": np.full(20_000, float(step))}, {"step": step})
                run.append_log({"step": step})
                if step == 2:
                    print("ready", flush=True)
        """
    )
    for wait in (0.0, 0.003, 0.011, 0.02):
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(run.path)], stdout=subprocess.PIPE, text=True
        )
        process.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        back = run.load_checkpoint()
        np.testing.assert_array_equal(back.arrays["theta"], float(back.metadata["step"]))
        assert run.read_log()
        run.clear()


# -- lock --------------------------------------------------------------------------------------------------


def test_two_runs_at_once_are_refused(run):
    holder = rf"in use by another run \(process {os.getpid()}\)"
    with run.locked(), pytest.raises(RunDirectoryError, match=holder), RunDirectory(run.path).locked():
        pass
    with run.locked():
        pass


def test_the_lock_of_a_dead_process_does_not_stop_the_next(run):
    script = (
        "import os, sys\nfrom pinnkit.solution.run_directory import RunDirectory\n"
        "with RunDirectory(sys.argv[1]).locked():\n    os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(run.path)], check=False)
    assert (run.path / ".pinnkit.lock").read_text().strip().isdigit()
    with run.locked():
        assert (run.path / ".pinnkit.lock").read_text() == f"{os.getpid()}\n"
