"""Time to DeepXDE's own final error: its published examples' settings on our cases, and pinnkit from cold.

    python -m tests.benchmarks.time_to_error [--case burgers …] [--seeds 0 1 2] [--rerun]
        [--precision float64] [--python PATH]

DeepXDE trains in an environment and process of its own, in both precisions; what it reached stands in
``peers/deepxde_CASE.json`` and is measured again where that is missing or ``--rerun`` is given. pinnkit
solves the zoo's problem as it stands, with nothing compiled, and is stopped when its error has come below.
Both are judged against the same reference, which is made beforehand; both clocks count from the start of the
process, imports and compilation included. DeepXDE's counts processor seconds where these were fewer, as on a
machine that it had to share.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.tables import ROOT, VERDICT, circumstances, cores, machine, table, write

PEERS = Path(__file__).parent / "peers"
ENVIRONMENT = ROOT / "build" / "peers" / "deepxde"
PACKAGES = ("torch", "deepxde")
PRECISIONS = ("float32", "float64")
MUST, GOAL = 20, 100
# The unknowns that count: the cavity's pressure is singular at the corners of the lid.
CASES = {"burgers": ("u",), "allen_cahn": ("u",), "wave": ("u",), "cavity": ("u", "v")}


@dataclass(frozen=True)
class Peer:
    """What DeepXDE reached in one precision."""

    precision: str
    errors: dict[str, float]
    first: float
    whole: float
    cpu: float
    settings: str
    told: str

    @property
    def worst(self) -> float:
        """The largest error of the unknowns that count."""
        return max(self.errors.values())


@dataclass(frozen=True)
class Ours:
    """One run of pinnkit up to the peer's error; seconds are infinite where it never came there.

    ``training`` are those of the training loop, or of solving where there is none.
    """

    seconds: float
    training: float
    error: float


def peer(case: str, rerun: bool, precisions: Sequence[str], python: Path | None) -> Peer:
    """The better of DeepXDE's precisions, measured now or before."""
    kept = PEERS / f"deepxde_{case}.json"
    if rerun or not kept.is_file():
        kept.write_text(json.dumps(_measured(case, precisions, python or _environment())) + "\n")
    found = json.loads(kept.read_text())
    return min((peer_run(case, run, found) for run in found["runs"]), key=lambda p: p.worst)


def peer_run(case: str, run: dict[str, Any], found: dict[str, Any]) -> Peer:
    """One of the runs that were found."""
    errors = {name: run["errors"][name] for name in CASES[case]}
    first = next(
        seconds for seconds, now in run["curve"] if all(now[n] <= e * (1 + 1e-4) for n, e in errors.items())
    )
    versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
    threads = f"{run['threads']} thread{'s' * (run['threads'] > 1)}"
    tried = " and ".join(run["precision"] for run in found["runs"])
    told = f"Run in {tried} on {found['date']}, {found['machine']}, {threads}; {versions}"
    # where others used the machine besides, its processor time is what it would have taken alone
    alone = min(1.0, run["cpu_seconds"] / run["seconds"])
    whole = alone * run["seconds"]
    return Peer(run["precision"], errors, alone * first, whole, run["cpu_seconds"], run["settings"], told)


def _measured(case: str, precisions: Sequence[str], python: Path) -> dict[str, Any]:
    """DeepXDE's script for a case, in each precision."""
    runs, threads = [], str(cores())
    with tempfile.TemporaryDirectory(prefix="pinnkit-peer-") as folder:
        reference, out = Path(folder, "reference.npz"), Path(folder, "result.json")
        _write_reference(case, reference)
        for precision in precisions:
            print(f"deepxde, {case}, {precision} …", flush=True)
            subprocess.run(
                [python, "-m", f"tests.benchmarks.peers.deepxde_{case}", "--reference", reference,
                 "--out", out, "--precision", precision, "--threads", threads],
                check=True, cwd=ROOT, stdout=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": threads},
            )  # fmt: skip
            runs.append(json.loads(out.read_text()))
    return {"date": datetime.now(UTC).date().isoformat(), "machine": machine(), "runs": runs}


def _environment() -> Path:
    """The peer's own Python, set up where it is missing."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.is_file():
        print(f"setting up {ENVIRONMENT} with {', '.join(PACKAGES)} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
    return python


def _write_reference(case: str, file: Path) -> None:
    """The reference at the points that pinnkit itself is judged at."""
    from pinnkit.validation.norms import space_time_measure

    problem, reference = _reference(case)
    measure = space_time_measure(problem)
    values = reference.evaluate(measure.points)
    named = {f"value_{name}": np.asarray(values[name]) for name in problem.unknown_names}
    np.savez(file, points=measure.points, weights=measure.weights, **named)


def _reference(case: str) -> tuple[Any, Any]:
    """A case's problem and reference, which is left in the cache."""
    from pinnkit.driver.numerics import numerics
    from pinnkit.driver.progress import Silent
    from pinnkit.driver.references import plan_reference
    from pinnkit.driver.run import read_declaration
    from pinnkit.driver.settings import read_settings

    problem, sections = read_declaration(ROOT / "problems" / f"{case}.yaml")
    with numerics():
        tolerance = read_settings(sections).validate.tolerance
        return problem, plan_reference(problem, sections, tolerance)(Silent())


def ours(case: str, seed: int, wanted: dict[str, float]) -> Ours:
    """Solve with nothing compiled, watch the log, and stop when every error that counts is below."""
    from pinnkit.driver.comparison import cold_environment

    def reached(errors: dict[str, float]) -> bool:
        return all(errors.get(name, float("inf")) <= error for name, error in wanted.items())

    with cold_environment() as environment, tempfile.TemporaryDirectory(prefix="pinnkit-time-") as folder:
        out = Path(folder) / "run"
        command = [
            sys.executable, "-m", "pinnkit", "solve", str(ROOT / "problems" / f"{case}.yaml"),
            "--seed", str(seed), "--out", str(out), "--quiet",
        ]  # fmt: skip
        started, clock = time.perf_counter(), time.time()
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=environment, **silent)
        last = float("inf")
        try:
            while process.poll() is None:
                time.sleep(0.02)
                for entry in _log(out / "log.jsonl"):
                    if errors := entry.get("errors"):
                        last = max(errors[name] for name in wanted)
                        if reached(errors):
                            return Ours(time.perf_counter() - started, entry["seconds"], last)
        finally:
            process.kill()
            process.wait()
        metrics = out / "metrics.json"
        if metrics.is_file():  # a solver without a training loop is judged by the state that it left
            kept = max(file.stat().st_mtime for file in (out / "checkpoint").glob("*.npz"))
            found = json.loads(metrics.read_text())
            errors = {name: entry["relative_l2"] for name, entry in found["unknowns"].items()}
            last = max(errors[name] for name in wanted)
            if reached(errors):
                return Ours(kept - clock, found["timing"]["wall"], last)
        return Ours(float("inf"), float("nan"), last)


def _log(file: Path) -> list[dict[str, Any]]:
    """The complete lines of a log that is being written."""
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]


HEADER = (
    "Case", "DeepXDE's final error", "Its s to it", "Its s in all", "pinnkit s by seed", "Of which solving",
    "Worst ratio", f"Gate ≤ 1/{MUST}", f"Goal 1/{GOAL}",
)  # fmt: skip


def row(case: str, against: Peer, runs: Sequence[Ours]) -> tuple[list[str], bool]:
    """The table's row, and whether the gate was reached."""
    worst = max(run.seconds for run in runs)
    ratio = against.first / worst
    cells = [
        case, f"{against.worst:.2e} ({against.precision})", f"{against.first:.0f}", f"{against.whole:.0f}",
        " ".join(f"{run.seconds:.1f}" for run in runs), " ".join(f"{run.training:.1f}" for run in runs),
        f"1/{ratio:.1f}" if ratio else "never reached",
        VERDICT[ratio >= MUST], VERDICT[ratio >= GOAL],
    ]  # fmt: skip
    return cells, ratio >= MUST


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="pinnkit's seeds")
    parser.add_argument("--rerun", action="store_true", help="measure DeepXDE again")
    parser.add_argument("--precision", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="DeepXDE's")
    parser.add_argument("--python", type=Path, help=f"DeepXDE's Python [default: {ENVIRONMENT}]")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    lines, notes, passed = [], [], True
    for case in chosen.case:
        against = peer(case, chosen.rerun, chosen.precision, chosen.python)
        _reference(case)
        runs = []
        for seed in chosen.seeds:
            runs.append(run := ours(case, seed, against.errors))
            print(f"{case}, seed {seed}: {run.error:.2e} after {run.seconds:.1f} s", flush=True)
        cells, reached = row(case, against, runs)
        lines.append(cells)
        passed = passed and reached
        spent = f"{against.cpu:.0f} s of processor time"
        notes.append(f"- DeepXDE, {case}: {against.settings}. {against.told}; {spent}.")
    listed = "\n".join(notes)
    text = f"{circumstances(package_versions(), chosen.seeds)}\n\n{table(HEADER, lines)}\n\n{listed}"
    print(f"\n{text}")
    if len(chosen.case) == len(CASES):
        write(ROOT / "docs" / "benchmarks.md", text, "time to error")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
