"""Steady problems through finite elements: a permittivity in a disk from published sensors."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.driver.numerics import numerics
from pinnkit.simulate.inverse import infer
from pinnkit.simulate.model import InverseOptions
from pinnkit.simulate.steady import SteadyModel, SteadyOptions
from tests.benchmarks.tables import Gate

_SENSORS, _NOISE = 500, 0.005  # of u; the published solution itself is off by about half of that
_MUST = 2e-2
x, y = pk.coordinates("x y")


def gates() -> Iterator[Gate]:
    """Every gate, one after the other."""
    with numerics(), tempfile.TemporaryDirectory() as folder:
        yield permittivity(Path(folder))


def permittivity(folder: Path) -> Gate:
    """ε of −∇·(ε∇u) + u_x = 10 from u at interior nodes of a published solution (acceptance case 13)."""
    name, must = "Disk, permittivity field", f"L1 ≤ {_MUST:.0e}"
    if "PINNKIT_CASES" not in os.environ:
        return Gate(name, must, "needs PINNKIT_CASES", None)
    table = np.loadtxt(
        Path(os.environ["PINNKIT_CASES"], "data", "fastvpinns", "fem_output_circle2.csv"), delimiter=","
    )
    inner = table[np.hypot(table[:, 0], table[:, 1]) < 1 - 1e-6]
    chosen = inner[np.random.default_rng(0).choice(len(inner), _SENSORS, replace=False)]
    data = folder / "sensors.csv"
    np.savetxt(data, chosen[:, :3], delimiter=",", header="x,y,u", comments="", fmt="%.17g")
    u, epsilon = pk.unknown("u", x, y), pk.unknown("epsilon", x, y, infer=True)
    problem = pk.Problem(
        "disk", pk.Disk((0, 0), 1), [sp.Eq(-pk.div(epsilon * pk.grad(u)) + u.diff(x), 10)],
        [pk.Dirichlet(u, 0), pk.Dirichlet(epsilon, (sp.sin(x) + sp.cos(y)) / 2)],
        [pk.Observations(u, str(data), _NOISE)],
    )  # fmt: skip
    started = time.process_time()
    model = SteadyModel(problem, SteadyOptions(tolerance=1e-4), InverseOptions())
    _, estimate = infer(model)
    spent = time.process_time() - started
    found = model.fields[0].at_points(inner[:, :2]) @ estimate.coefficients["epsilon"].ravel()
    off = float(np.mean(np.abs(found - inner[:, 5])))
    told = f"{off:.1e}; the data decide on {estimate.resolution['epsilon'].sum():.0f} coefficients"
    return Gate(f"{name} ({spent:.0f} CPU s)", must, told, off <= _MUST)
