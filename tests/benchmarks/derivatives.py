"""Residual, gradient and Jacobian, per point, beside nested differentiation, DeepXDE, jinns and jNO.

    python -m tests.benchmarks.derivatives [--case poisson_2d …] [--contender pinnkit jinns …]
        [--points 4096] [--repeats 15] [--python jinns=PATH …]

All have the same network (4 × 32 tanh), the same weights, points and equations, float64, compiled, on the
same machine in one run, each in a process of its own; peers in environments of their own, made under
``build/peers`` where no interpreter is given by ``--python`` or PINNKIT_PEER_NAME. Each uses its own means of
differentiation and its own loss of the equations. Residuals must agree. The table of all cases and contenders
is written into docs/derivatives.md; the exit code is 1 where the gate is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.peers.derivatives_task import CASES
from tests.benchmarks.tables import ROOT, VERDICT, circumstances, table, write

PEERS = Path(__file__).parent / "peers"
PACKAGES = {
    "deepxde": ("deepxde", "jax", "flax", "optax"),
    "jinns": ("jinns",),
    "jno": ("jax-numerical-operators",),
}
CONTENDERS = ("pinnkit", "nested", *PACKAGES)
MUST, GOAL = 2.0, 5.0
WIDTH, DEPTH = 32, 4
QUANTITIES = ("residual", "gradient", "jacobian")


def interpreter(name: str, given: dict[str, str]) -> str:
    """The Python that a contender runs in; a peer's environment is made where it is missing."""
    if name not in PACKAGES:
        return sys.executable
    if chosen := given.get(name, os.environ.get(f"PINNKIT_PEER_{name.upper()}", "")):
        return chosen
    folder = ROOT / "build" / "peers" / f"derivatives_{name}"
    python = folder / "bin" / "python"
    if not python.is_file():
        print(f"setting up {folder} with {', '.join(PACKAGES[name])} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES[name]], check=True)
    return str(python)


def pose(folder: Path, points: int, cases: Sequence[str]) -> None:
    """Points in the unit cube and Glorot weights for every case."""
    generator = np.random.default_rng(0)
    for case in cases:
        inputs, outputs = CASES[case]
        sizes = [inputs, *[WIDTH] * DEPTH, outputs]
        arrays = {"x": generator.uniform(size=(points, inputs))}
        for k, (i, o) in enumerate(pairwise(sizes)):
            arrays[f"weight_{k}"] = generator.normal(size=(o, i)) * np.sqrt(2 / (i + o))
            arrays[f"bias_{k}"] = np.zeros(o)
        np.savez(folder / f"{case}.npz", **arrays)


def measure(name: str, python: str, folder: Path, repeats: int, cases: Sequence[str]) -> dict[str, Any]:
    """What a contender found, by case; ``failure`` where it does not run at all."""
    command = [python, PEERS / f"derivatives_{name}.py", folder, name, str(repeats), *cases]
    own = {"PYTHONPATH": str(ROOT)} if name not in PACKAGES else {}
    outcome = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True)
    if not (folder / f"{name}.json").is_file():
        said = (outcome.stderr.strip().splitlines() or [f"exit code {outcome.returncode}"])[-1]
        return {"failure": said}
    return json.loads((folder / f"{name}.json").read_text())


def rows(
    found: dict[str, dict[str, Any]], case: str, points: int
) -> tuple[list[list[str]], float, float, list[str]]:
    """The table's lines of a case, gain over the fastest peer by wall and processor time, and complaints."""
    lines, complaints = [], []
    ours = found.get("pinnkit", {}).get(case, {})
    for name, results in found.items():
        result = results.get(case, {"failure": results.get("failure", "not measured")})
        if "failure" in result:
            reason = result["failure"].splitlines()[0][:60]
            lines.append([case, name, f"not available: {reason}", *[""] * (len(QUANTITIES) - 1)])
            continue
        if "sample" in ours and not np.allclose(result["sample"], ours["sample"], rtol=1e-8, atol=1e-9):
            complaints.append(f"{case}: {name} has other residuals")
        if "loss" in ours and not np.isclose(result["loss"], ours["loss"], rtol=1e-8):
            complaints.append(f"{case}: {name} has another loss, {result['loss']} and not {ours['loss']}")
        cells = [
            f"{1e6 * result[q]['wall'] / points:.2f} ({1e6 * result[q]['cpu'] / points:.2f})"
            if q in result else "–" for q in QUANTITIES
        ]  # fmt: skip
        lines.append([case, name, *cells])
    gains = []
    for clock in ("wall", "cpu"):
        measured = [f[case] for name, f in found.items() if name in PACKAGES and case in f]
        peers = [result["gradient"][clock] for result in measured if "gradient" in result]
        gains.append(min(peers) / ours["gradient"][clock] if peers and "gradient" in ours else float("nan"))
    return lines, gains[0], gains[1], complaints


def predicted(cases: Sequence[str]) -> str:
    """The cost model's count for the sums of second derivatives carried as one, against one by one."""
    from pinnkit.fields.plan import cost
    from pinnkit.forms.traces import Trace

    told = []
    for case in (c for c in cases if c.startswith("poisson")):
        inputs, outputs = CASES[case]
        layers = [(WIDTH, inputs), *[(WIDTH, WIDTH)] * (DEPTH - 1), (outputs, WIDTH)]
        terms = [tuple(2 * int(i == k) for k in range(inputs)) for i in range(inputs)]
        one, single = cost(layers, [Trace((1.0,) * inputs)]), cost(layers, terms)
        told.append(
            f"{case}: {single.operations / one.operations:.2f} times the operations and "
            f"{single.kept / one.kept:.2f} times the memory if each second derivative were carried"
        )
    return "; ".join(told)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where the gate is missed or residuals differ."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--contender", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--points", type=int, default=4096)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--python", nargs="+", default=[], metavar="NAME=PATH", help="a peer's interpreter")
    chosen = parser.parse_args(arguments)
    given = dict(pair.split("=", 1) for pair in chosen.python)
    found: dict[str, dict[str, Any]] = {}
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="pinnkit-derivatives-") as temporary:
        folder = Path(temporary)
        pose(folder, chosen.points, chosen.case)
        for name in chosen.contender:
            try:
                found[name] = measure(name, interpreter(name, given), folder, chosen.repeats, chosen.case)
            except (OSError, subprocess.CalledProcessError) as trouble:
                found[name] = {"failure": str(trouble)}
            versions.update(found[name].get("versions", {}))
            print(f"{name}: measured", flush=True)
    lines, gates, complaints, reached = [], [], [], True
    for case in chosen.case:
        listed, wall, cpu, wrong = rows(found, case, chosen.points)
        lines += listed
        complaints += wrong
        met = None if np.isnan(wall) else wall >= MUST
        reached = reached and met is not False
        gates.append([case, f"≥ {MUST:.0f} (goal {GOAL:.0f})", f"{wall:.1f} ({cpu:.1f})", VERDICT[met]])
    text = "\n\n".join([
        circumstances(versions),
        f"{chosen.points} points, {DEPTH} × {WIDTH} tanh, float64, median of {chosen.repeats} compiled calls."
        " Microseconds per point: by the clock, and in brackets of processor time.",
        table(["Case", "Contender", "Residual", "Residual and gradient", "Jacobian"], lines),
        "Residual and gradient, times faster than the fastest of DeepXDE, jinns and jNO:",
        table(["Case", "Must", "Found", "Gate"], gates),
        f"The cost model says of {predicted(chosen.case)}.",
        *complaints,
    ])  # fmt: skip
    print(f"\n{text}")
    if len(chosen.case) == len(CASES) and len(chosen.contender) == len(CONTENDERS):
        write(ROOT / "docs" / "derivatives.md", text, "derivatives")
    return 0 if reached and not complaints else 1


if __name__ == "__main__":
    sys.exit(main())
