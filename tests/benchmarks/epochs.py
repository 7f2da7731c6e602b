"""Seconds of a training step of ``hp_vpinn``, beside a loop over the cells and FastVPINNs.

    python -m tests.benchmarks.epochs [--cells 16 1000 14192] [--python PATH] [--without-peer]

All have the same network (3 × 30 tanh, on the gear 3 × 50), cells, quadrature points (5 × 5), tests (4 × 4 on
each cell), points on the boundary and Adam. The loop takes one cell after the other, the tests of each one by
one, with loss and gradient of a cell compiled once; it works in float64, and its loss and gradient must be
those of the contraction. FastVPINNs works in float32 as its examples do, in an environment under
``build/peers`` or with the interpreter of ``--python`` or PINNKIT_PEER_FASTVPINNS. The 14,192 cells are the
gear's of its own examples, measured where PINNKIT_CASES is set. The table of all cells goes into
docs/variational.md; the exit code is 1 where a gate is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.tables import ROOT, VERDICT, circumstances, table, write

MUST_LOOP, GOAL_PEER = 50.0, 3.0
GEAR, LOOPED = 14_192, 1_000
GRIDS = {16: (4, 4), LOOPED: (40, 25)}
TESTS, QUADRATURE, DEPTH = 4, 5, 3
HEADER = ["Cells", "Points", "Contender", "Precision", "Step, ms", "Processor, ms", "Times slower", "Gate"]
# In versions that have wheels: the peer's own pins of what it prints and draws with have none any longer.
NEEDS = (
    "tensorflow-cpu", "scipy", "pandas", "meshio", "tqdm", "matplotlib", "pyyaml", "rich", "vtk", "gmsh",
    "pyDOE<0.9",
)  # fmt: skip


def task(cells: int) -> dict[str, Any]:
    """What every contender is given."""
    sizes = {"tests": TESTS, "quadrature": QUADRATURE, "depth": DEPTH, "count": cells}
    if cells in GRIDS:
        epochs = 200 if cells < LOOPED else 40
        return {**sizes, "cells": GRIDS[cells], "boundary": 400, "width": 30, "epochs": epochs}
    mesh = Path(os.environ["PINNKIT_CASES"], "data", "fastvpinns", "gear.mesh")
    # ends and middles of the 1,524 edges, as the peer has them
    return {**sizes, "mesh": str(mesh), "boundary": 3048, "width": 50, "epochs": 8}


def posed(given: dict[str, Any], precision: str) -> Any:
    """The least-squares problem of ``hp_vpinn``."""
    import sympy as sp

    import pinnkit as pk
    from pinnkit.solvers.hp_vpinn import HpVpinn, HpVpinnOptions

    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    domain = pk.MeshFile(given["mesh"]) if "mesh" in given else pk.Rectangle((0, 0), (1, 1))
    problem = pk.Problem(
        name="epochs", domain=domain, equations=[sp.Eq(-pk.laplacian(u), 50 * sp.sin(x) + sp.cos(y))],
        conditions=[pk.Dirichlet(u, 0, where="boundary")],
    )  # fmt: skip
    options = HpVpinnOptions.model_validate({
        "network": {"width": given["width"], "depth": given["depth"], "activation": "tanh"},
        "tests": {"order": given["tests"], "quadrature": given["quadrature"]},
        "cells": {} if "mesh" in given else {"counts": given["cells"]},
        "conditions": "soft", "condition_points": given["boundary"], "optimizer": ["adam"],
        "precision": precision,
    })  # fmt: skip
    return HpVpinn().build(problem, options, 0).least_squares


def stopwatch(step: Callable[[], Any], epochs: int) -> dict[str, float]:
    """Median wall and mean processor seconds of a step."""
    seconds, cpu = [], time.process_time()
    for _ in range(epochs):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return {"wall": float(np.median(seconds)), "cpu": (time.process_time() - cpu) / epochs}


def own(given: dict[str, Any]) -> dict[str, float]:
    """Adam as users train with it, in one compiled loop."""
    from pinnkit.driver.numerics import numerics, training_in
    from pinnkit.training.first_order import Adam
    from pinnkit.training.optimiser import run_chunk

    epochs = given["epochs"]
    with numerics():
        problem, adam = posed(given, "float32"), Adam()
        with training_in("float32"):
            theta, state = problem.theta, adam.init(problem, problem.theta)
            theta, state, _ = run_chunk(adam, problem, theta, state, epochs)
            found = stopwatch(lambda: run_chunk(adam, problem, theta, state, epochs), 3)
    return {clock: seconds / epochs for clock, seconds in found.items()}


def looped(given: dict[str, Any]) -> tuple[dict[str, float], dict[str, float], str]:
    """Seconds of loss and gradient by the loop and by the contraction, in float64, and how far apart."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    from pinnkit.driver.numerics import numerics
    from pinnkit.training.least_squares import LeastSquares

    with numerics():
        problem = posed(given, "float64")
        block = problem.blocks[0]
        problem = LeastSquares(problem.fields, (block,))
        integral = block.residual._integrals[0]
        tables = jax.tree.map(jnp.asarray, integral.tables)
        both = eqx.filter_jit(lambda p, theta: jax.value_and_grad(p.loss)(theta))

        def cell_loss(theta: Any, cell: Any) -> Any:
            """(Σ_q w (s v + f·∇v) for each test, one by one)ᵀ G⁻¹ (the same)."""
            placed = cell.parts[0]
            values = integral.integrands(problem.with_theta(theta), placed.at)
            weights, inverse = placed.geometry.weights, placed.geometry.inverse
            tested = []
            for test in range(tables.value.shape[0]):
                slopes = jnp.einsum("qrd,rq->qd", inverse, tables.gradient[:, test])
                density = values[:, 0] * tables.value[test] + jnp.sum(values[:, 1:] * slopes, axis=1)
                tested.append(jnp.sum(weights * density))
            (whitening,) = cell.whitening.values()
            rows = cell.keep * whitening @ jnp.stack(tested)
            return block.weight / block.count * rows @ rows

        on_cell = eqx.filter_jit(jax.value_and_grad(cell_loss))
        cells = [jax.tree.map(lambda leaf, e=e: leaf[e], block.points) for e in range(given["count"])]
        add = jax.jit(lambda a, b: jax.tree.map(jnp.add, a, b))

        def loop() -> Any:
            total = on_cell(problem.theta, cells[0])
            for cell in cells[1:]:
                total = add(total, on_cell(problem.theta, cell))
            return jax.block_until_ready(total)

        (loss, slope), (expected, slopes) = loop(), both(problem, problem.theta)
        np.testing.assert_allclose(loss, expected, rtol=1e-10)
        np.testing.assert_allclose(slope, slopes, rtol=0, atol=1e-10 * float(jnp.abs(slopes).max()))
        gap = float(jnp.abs(slope - slopes).max() / jnp.abs(slopes).max())
        theta = problem.theta
        contracted = stopwatch(lambda: jax.block_until_ready(both(problem, theta)), given["epochs"])
        return stopwatch(loop, 5), contracted, f"{gap:.0e}"


def interpreter(given: str) -> str:
    """The peer's Python; its environment is made where it is missing."""
    if chosen := given or os.environ.get("PINNKIT_PEER_FASTVPINNS", ""):
        return chosen
    folder = ROOT / "build" / "peers" / "fastvpinns"
    python = folder / "bin" / "python"
    if not python.is_file():
        print(f"setting up {folder} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [python, "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, "setuptools<81", "wheel", "numpy", *NEEDS], check=True)
        subprocess.run([*install, "--no-build-isolation", "--no-deps", "fastvpinns"], check=True)
    return str(python)


def peer(tasks: Sequence[dict[str, Any]], python: str) -> dict[str, Any]:
    """What FastVPINNs needs for each task, with versions."""
    with tempfile.TemporaryDirectory(prefix="pinnkit-epochs-") as folder:
        out = Path(folder) / "found.json"
        script = Path(__file__).parent / "peers" / "epochs_fastvpinns.py"
        command = [python, script, out, json.dumps(list(tasks))]
        outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if not out.is_file():
            raise SystemExit(f"FastVPINNs: {(outcome.stderr.strip().splitlines() or ['nothing said'])[-1]}")
        return json.loads(out.read_text())


def line(
    given: dict[str, Any],
    points: int | str,
    name: str,
    kind: str,
    found: dict[str, float],
    told: str = "",
    passed: bool | None = None,
) -> list[str]:
    """A row of the table, printed."""
    clocks = [f"{1e3 * found[clock]:.2f}" for clock in ("wall", "cpu")]
    row = [str(given["count"]), str(points), name, kind, *clocks, told, VERDICT[passed]]
    print(" | ".join(row), flush=True)
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    sizes = [*GRIDS, GEAR]
    parser.add_argument("--cells", nargs="+", type=int, choices=sizes, default=sizes, help="how many")
    parser.add_argument("--python", default="", help="the peer's interpreter")
    parser.add_argument("--without-peer", action="store_true", help="leave FastVPINNs out")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    versions, lines, verdicts, mine = package_versions(), [], [], []
    tasks = [task(n) for n in chosen.cells if n in GRIDS or "PINNKIT_CASES" in os.environ]
    for given in tasks:
        mine.append(own(given))
        points = f"{given['count'] * QUADRATURE**2} and {given['boundary']}"
        lines.append(line(given, points, "pinnkit", "float32", mine[-1]))
        if given["count"] == LOOPED:
            loop, contracted, gap = looped(given)
            gain = loop["wall"] / contracted["wall"]
            verdicts.append(gain >= MUST_LOOP)
            told = f"{gain:.1f}, gradients {gap} apart"
            lines.append(line(given, LOOPED * QUADRATURE**2, "one contraction", "float64", contracted))
            lines.append(
                line(given, LOOPED * QUADRATURE**2, "loop over cells", "float64", loop, told, verdicts[-1])
            )
    if not chosen.without_peer:
        found = peer(tasks, interpreter(chosen.python))
        versions |= found["versions"]
        for given, ours, theirs in zip(tasks, mine, found["tasks"], strict=True):
            gain = theirs["wall"] / ours["wall"]
            verdicts.append(gain >= 1)
            points = f"{theirs['points']} and {theirs['boundary']}"
            told = f"{gain:.1f} (aim {GOAL_PEER:.0f})"
            lines.append(line(given, points, "FastVPINNs", "float32", theirs, told, verdicts[-1]))
    text = f"{circumstances(versions)}\n\n{table(HEADER, lines)}"
    print(f"\n{text}")
    if len(tasks) == len(sizes) and not chosen.without_peer:
        write(ROOT / "docs" / "variational.md", text, "epochs")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
