"""Runs on several devices and in several processes: what is refused, what a lost process leaves behind."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pinnkit.declare import DeclarationError
from pinnkit.driver import load, run
from pinnkit.solution import RunDirectory

_STEPS = 300


def numerics(**entries):
    return [(("numerics", name), value) for name, value in entries.items()]


def test_more_devices_than_there_are_are_refused(rod):
    with pytest.raises(DeclarationError, match=r"numerics\.devices: 99 devices are asked for") as complaint:
        run(rod, overrides=numerics(devices=99), progress=False)
    assert "xla_force_host_platform_device_count=99" in str(complaint.value)


def test_a_solver_that_trains_nothing_is_refused_devices(rod):
    given = [(("solver", "name"), "deepxde"), *numerics(devices="all")]
    with pytest.raises(DeclarationError, match="'deepxde' runs in one process on one device"):
        run(rod, overrides=given, progress=False)


def _short(rod: Path) -> Path:
    """A schedule of one optimiser, which compiles fast."""
    text = rod.read_text().replace("[{adam: 40}, {ssbroyden: 60}]", f"[{{adam: {_STEPS}}}]")
    rod.write_text(text.replace("tolerance: 1.0e-3", "tolerance: 0.5"))
    return rod


def _free_job() -> int:
    """The number of a job whose port, which JAX makes of it for the coordinator, nobody listens on."""
    for job in range(os.getpid() % 4096, 4096):
        with socket.socket() as attempt:
            if attempt.connect_ex(("localhost", 65536 - 4096 + job)):
                return job
    return 0


def _job(file: Path, out: Path) -> list[tuple[int, str]]:
    """Two processes as Slurm would start them; exit code and error stream of each."""
    job = _free_job()
    processes = []
    for rank in (0, 1):
        environment = {
            **os.environ, "SLURM_JOB_ID": str(job), "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2",
            "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank),
        }  # fmt: skip
        command = [sys.executable, "-m", "tests.driver.one_of_two", str(file), str(out)]
        processes.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    try:
        return [(p.wait(), p.stderr.read()) for p in processes if p.stderr is not None]
    finally:
        for process in processes:
            process.kill()


def test_a_lost_process_stops_the_other_and_one_process_goes_on_alone(rod, tmp_path):
    file, out = _short(rod), tmp_path / "both"
    (first, says), (second, _) = _job(file, out)
    assert (first, second) == (3, -9), says
    (complaint,) = [line for line in says.splitlines() if line.startswith("pinnkit: ")]
    assert "another process of this run was lost" in complaint
    assert f"iterations are saved in {out}; start all processes again with --resume" in complaint
    assert "Traceback" not in says
    saved = len(RunDirectory(out, create=False).load_checkpoint().arrays["history_loss"])
    assert 0 < saved < _STEPS

    together = run(file, out=out, resume=True, progress=False).solution
    alone = run(file, progress=False).solution
    losses, others = together.record.history["loss"], alone.record.history["loss"]
    assert len(losses) == len(others) == _STEPS
    np.testing.assert_allclose(losses[:10], others[:10], rtol=1e-12)
    np.testing.assert_allclose(losses, others, rtol=1e-6)
    assert np.any(losses[:saved] != others[:saved])  # summed up in another order
    points = np.linspace(0, 1, 20)[:, None]
    np.testing.assert_allclose(load(out)(points), alone(points), atol=1e-8)
