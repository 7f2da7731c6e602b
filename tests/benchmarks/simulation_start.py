"""One inverse problem in three rows: a network, the adjoint, and the adjoint started from the network."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

import pinnkit as pk
from tests.benchmarks.simulation_inverse import VISCOSITY, cole_hopf
from tests.benchmarks.tables import Gate

SAMPLES, NOISE = 2_000, 0.01  # of the spread of u
SECONDS = 60  # of training
_TRUTH = {"lambda_1": 1.0, "lambda_2": VISCOSITY}


def burgers(data: str, noise: float) -> pk.Problem:
    """u_t + λ₁ u u_x = λ₂ u_xx from −sin πx, both λ to be found, from afar."""
    x, t = pk.coordinates("x"), pk.time("t", 0, 1)
    u = pk.unknown("u", x, t)
    one = pk.parameter("lambda_1", 0.5, infer=True, bounds=(0.1, 3))
    two = pk.parameter("lambda_2", 0.02, infer=True, bounds=(1e-3, 0.1))
    return pk.Problem(
        "burgers", pk.Interval(-1, 1), [u.diff(t) + one * u * u.diff(x) - two * u.diff(x, 2)],
        [pk.Initial(u, -sp.sin(sp.pi * x)), pk.Dirichlet(u, 0)], [pk.Observations(u, data, noise)],
    )  # fmt: skip


def gates() -> Iterator[Gate]:
    """Errors of both parameters and seconds of the processor; nothing is asked."""
    with tempfile.TemporaryDirectory() as place:
        folder, draw = Path(place), np.random.default_rng(0)
        points = draw.uniform((-1, 0.01), (1, 1), (SAMPLES, 2))
        values = cole_hopf(points)
        noise = NOISE * float(np.std(values))
        rows = np.c_[points, values + noise * draw.normal(size=SAMPLES)]
        data = str(folder / "samples.csv")
        np.savetxt(data, rows, delimiter=",", header="x,t,u", comments="", fmt="%.17g")
        problem = burgers(data, noise)
        kept = str(folder / "pinn.nc")
        # On a fixed grid, so that the rows differ by their start alone.
        simulated: dict[str, Any] = {"solver": "diffsim", "cells": 768}
        runs: dict[str, dict[str, Any]] = {
            f"pinn, {SECONDS} s of training": {"solver": "pinn", "time_limit": SECONDS},
            "diffsim": simulated,
            "diffsim from pinn": {**simulated, "start": kept},
        }
        for name, options in runs.items():
            started = time.process_time()
            solution = pk.solve(problem, seed=0, progress=False, **options)
            spent = time.process_time() - started
            if options["solver"] == "pinn":
                solution.write(kept)
            off = {n: abs(solution.record.parameters[n] / value - 1) for n, value in _TRUTH.items()}
            shown = ", ".join(f"{n} {error:.2%} off" for n, error in off.items())
            yield Gate(f"Burgers, coefficients by {name}", "–", f"{shown}; {spent:.0f} CPU s", None)
