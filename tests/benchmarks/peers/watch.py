"""What the scripts of peers share: command line, a clock that stands still while errors are measured, result.

Imports nothing of this project: a script runs in the peer's own environment, from the root of the checkout,

    python -m tests.benchmarks.peers.deepxde_burgers --reference FILE.npz --out FILE.json --precision float64

where the reference holds ``points`` (n, d), ``weights`` (n,) and ``value_NAME`` (n,) for every unknown.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()  # imported first by every script: the process has just begun

import numpy as np  # noqa: E402

_EVERY = 0.02  # of the time so far: how often the error is measured


class Task:
    """One run: what the command line asked for, and the reference."""

    def __init__(self) -> None:
        parser = argparse.ArgumentParser()
        parser.add_argument("--reference", required=True)
        parser.add_argument("--out", required=True, type=Path)
        parser.add_argument("--precision", choices=("float32", "float64"), default="float64")
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--threads", type=int, default=2)
        parser.add_argument("--seconds", type=float, default=float("inf"), help="stop here: a pilot")
        chosen = parser.parse_args()
        self.out, self.precision, self.seed = chosen.out, chosen.precision, chosen.seed
        self.threads, self.seconds = chosen.threads, chosen.seconds
        with np.load(chosen.reference) as stored:
            self.points, self._weights = stored["points"], stored["weights"]
            self._truth = {
                name.removeprefix("value_"): stored[name]
                for name in stored.files if name.startswith("value_")
            }  # fmt: skip
        self.curve: list[tuple[float, dict[str, float]]] = []
        self._apart = 0.0

    @property
    def clock(self) -> float:
        """Seconds since the process began, without those spent on measuring errors."""
        return time.perf_counter() - STARTED - self._apart

    @property
    def due(self) -> bool:
        """Whether the error is to be measured again."""
        now = self.clock
        return not self.curve or now - self.curve[-1][0] > max(0.5, _EVERY * now)

    def measure(self, predict: Callable[[np.ndarray], np.ndarray]) -> None:
        """Note the relative L2 error of every unknown; ``predict`` maps (n, d) to columns in their order."""
        now, began = self.clock, time.perf_counter()
        columns = np.asarray(predict(self.points), dtype=float)
        errors = {}
        for column, (name, truth) in zip(columns.T, self._truth.items(), strict=True):
            if name == "p":  # known up to a constant
                column, truth = column - self._mean(column), truth - self._mean(truth)
            errors[name] = float(np.sqrt(self._mean((column - truth) ** 2) / self._mean(truth**2)))
        self.curve.append((now, errors))
        self._apart += time.perf_counter() - began

    def finish(self, settings: str, versions: dict[str, str], parameters: int, complete: bool) -> None:
        """Write the result."""
        seconds, errors = self.curve[-1]
        used = resource.getrusage(resource.RUSAGE_SELF)
        result: dict[str, Any] = {
            "settings": settings, "precision": self.precision, "seed": self.seed, "threads": self.threads,
            "versions": versions, "parameters": parameters, "complete": complete,
            "seconds": round(seconds, 2), "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
            "errors": errors,
            "curve": [[round(t, 2), {k: float(f"{e:.4e}") for k, e in found.items()}]
                      for t, found in self.curve],
        }  # fmt: skip
        self.out.write_text(json.dumps(result, indent=1))
        print(f"{self.precision}: {seconds:.1f} s, {errors}", flush=True)

    def _mean(self, values: np.ndarray) -> float:
        return float(np.sum(self._weights * values) / np.sum(self._weights))
