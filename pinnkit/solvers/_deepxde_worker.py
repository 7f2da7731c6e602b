"""The process that DeepXDE runs in: reads the task from a folder, trains, and leaves the weights there."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import sympy as sp

from ..declare import Problem, read
from ..declare.symbols import normal
from ..forms.emit import emit
from ..forms.jets import Jet, jet_symbol
from ..forms.strong import condition_residual, strong_form
from ._draws import Draws


def main(folder: Path) -> None:
    """Translate, train, and write ``result.npz``."""
    import deepxde as dde

    task = json.loads((folder / "task.json").read_text())
    options, seed = task["options"], task["seed"]
    problem = read(folder / "problem.yaml").problem
    dde.config.set_default_float(options["precision"])
    dde.config.set_random_seed(seed)
    lower, upper = np.array(problem.lower, float), np.array(problem.upper, float)
    line = len(lower) == 1
    # Only its dimension counts: all points are given.
    geometry = dde.geometry.Interval(*lower, *upper) if line else dde.geometry.Hypercube(lower, upper)
    strong = strong_form(problem)
    equations = Residual(problem, [e.residual for e in strong.equations], strong.jets)
    count = len(strong.equations)

    present: list[Any] = []

    def pde(x: Any, y: Any) -> list[Any]:
        # Conditions are called after it with the outputs alone, and need their function to differentiate.
        present[:] = [y[1]]
        values = equations(x, y, np.zeros((1, len(problem.coordinates))))
        return [values[k] for k in range(count)]

    draws, real = Draws(problem, "sobol", seed), dde.config.real(np)
    conditions = []
    for declared in problem.conditions:
        expression, jets = condition_residual(declared, problem)
        x, normals, _ = draws.condition(declared, options["points"]["boundary"])
        normals = np.zeros((1, len(problem.coordinates))) if normals is None else normals
        residual = Residual(problem, [expression], jets)
        conditions.append(Condition(residual, x.astype(real), normals.astype(real), present))
    anchors = draws.interior(options["points"]["interior"]).astype(real)
    data = dde.data.PDE(geometry, pde, conditions, anchors=anchors)
    network = options["network"]
    sizes = [len(lower), *[network["width"]] * network["depth"], len(problem.unknown_names)]
    net = dde.nn.FNN(sizes, network["activation"], "Glorot normal")
    model = dde.Model(data, net)
    weights = [1.0] * count + [options["condition_weight"]] * len(conditions)
    model.compile("adam", lr=options["learning_rate"], loss_weights=weights)
    started = time.perf_counter()
    every = max(options["iterations"] // 50, 1)
    history, _ = model.train(iterations=options["iterations"], display_every=every)
    seconds = time.perf_counter() - started
    layers = _layers(model)
    steps = np.asarray(history.steps)
    np.savez(
        folder / "result.npz",
        version=np.array(dde.__version__),
        history_iteration=steps,
        history_loss=np.array([np.sum(loss) for loss in history.loss_train]),
        history_seconds=seconds * steps / max(steps[-1], 1),
        history_stage=np.array(["adam"] * len(steps)),
        **layers,
    )


class Residual:
    """Expressions of jets by DeepXDE's own gradients: first and second directly, higher ones nested."""

    def __init__(self, problem: Problem, expressions: Sequence[sp.Expr], jets: Sequence[Jet]):
        import jax.numpy as jnp

        known = {p: sp.Float(p.value, 17) for p in problem.parameters}
        self._jets, self._names = tuple(jets), problem.unknown_names
        self._compiled = emit(
            [e.xreplace(known) for e in expressions],
            [*problem.variables, *(normal(x) for x in problem.coordinates),
             *(jet_symbol(jet, problem) for jet in jets)],
            jnp,
        )  # fmt: skip

    def __call__(self, x: Any, y: Any, normals: np.ndarray) -> list[Any]:
        """Values (n, 1) of every expression; ``y`` is DeepXDE's pair of outputs and their function."""
        import deepxde as dde

        # It remembers derivatives by the addresses of arrays, which other arrays may have by now.
        dde.grad.clear()
        jets = [self._jet(x, y, jet)[:, 0] for jet in self._jets]
        values = self._compiled(*x.T, *normals.T, *jets)
        return [value.reshape(-1, 1) for value in values]

    def _jet(self, x: Any, y: Any, jet: Jet) -> Any:
        import deepxde as dde

        column = self._names.index(jet.unknown)
        axes = [axis for axis, count in enumerate(jet.index) for _ in range(count)]
        if not axes:
            return y[0][:, column : column + 1]
        if len(axes) == 2:
            return dde.grad.hessian(y, x, component=column, i=axes[0], j=axes[1])[0]
        derived = dde.grad.jacobian(y, x, i=column, j=axes[0])
        for axis in axes[1:]:
            derived = dde.grad.jacobian(derived, x, i=0, j=axis)
        return derived[0]


class Condition:
    """A condition at points of its own, as DeepXDE's boundary conditions are called."""

    def __init__(self, residual: Residual, points: np.ndarray, normals: np.ndarray, present: list[Any]):
        self._residual, self._points, self._normals, self._present = residual, points, normals, present

    def collocation_points(self, _: np.ndarray) -> np.ndarray:
        """Points (n, d)."""
        return self._points

    def error(self, _x: Any, inputs: Any, outputs: Any, beg: int, end: int, _aux: Any = None) -> Any:
        """Residual (n, 1) at its own rows."""
        return self._residual(inputs[beg:end], (outputs[beg:end], self._present[0]), self._normals)[0]


def _layers(model: Any) -> dict[str, np.ndarray]:
    layers = {}
    for name, entry in model.params[0]["params"].items():
        number = name.rsplit("_", 1)[1]
        layers[f"weight_{number}"] = np.asarray(entry["kernel"], float)
        layers[f"bias_{number}"] = np.asarray(entry["bias"], float)
    return layers


if __name__ == "__main__":
    main(Path(sys.argv[1]))
