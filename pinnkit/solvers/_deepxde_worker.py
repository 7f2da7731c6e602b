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

_LBFGS_PART = 1000  # iterations handed over at once


def main(folder: Path) -> None:
    """Translate, train, and write ``result.npz``."""
    import deepxde as dde

    task = json.loads((folder / "task.json").read_text())
    options, seed = task["options"], task["seed"]
    problem = read(folder / "problem.yaml").problem
    dde.config.set_default_float(options["precision"])
    dde.config.set_random_seed(seed)
    double = options["precision"] == "float64" and dde.backend.backend_name == "jax"
    if double:
        import jax

        jax.config.update("jax_enable_x64", True)  # DeepXDE leaves that off, whatever its precision
    training = Training(dde)
    model = dde.Model(_data(dde, problem, options, seed), _network(dde, problem, options))
    equations = len(strong_form(problem).equations)
    weights = [1.0] * equations + [options["condition_weight"]] * len(problem.conditions)
    model.compile("adam", lr=options["learning_rate"], loss_weights=weights)
    if double:
        _widen(model)
    training.run(model, options["iterations"])
    if options["lbfgs"]:
        dde.optimizers.set_LBFGS_options(maxiter=options["lbfgs"])
        part = min(_LBFGS_PART, options["lbfgs"])  # as DeepXDE sets it, once for all, when imported
        dde.optimizers.config.LBFGS_options.update(iter_per_step=part, fun_per_step=part * 5 // 4)
        model.compile("L-BFGS", loss_weights=weights)
        training.run(model, None)
    np.savez(folder / "result.npz", version=np.array(dde.__version__), **training.result(), **_layers(model))


def _widen(model: Any) -> None:
    """Weights in double precision; those that DeepXDE makes with JAX are in single."""
    import jax

    model.params = jax.tree.map(lambda array: array.astype(float), model.params)
    model.net.params = model.params[0]
    model.opt_state = model.opt.init(model.params)


def _data(dde: Any, problem: Problem, options: dict[str, Any], seed: int) -> Any:
    """Equations and conditions at this project's points."""
    lower, upper = np.array(problem.lower, float), np.array(problem.upper, float)
    line = len(lower) == 1
    # Only its dimension counts: all points are given.
    geometry = dde.geometry.Interval(*lower, *upper) if line else dde.geometry.Hypercube(lower, upper)
    strong = strong_form(problem)
    equations = Residual(problem, [e.residual for e in strong.equations], strong.jets)
    present: list[Any] = []

    def pde(x: Any, y: Any) -> list[Any]:
        # Conditions are called after it with the outputs alone; JAX needs their function to differentiate.
        present[:] = y[1:] if isinstance(y, tuple) else []
        values = equations(x, y, np.zeros((1, len(problem.coordinates))))
        return [values[k] for k in range(len(strong.equations))]

    draws, real = Draws(problem, "sobol", seed), dde.config.real(np)
    conditions = []
    for declared in problem.conditions:
        expression, jets = condition_residual(declared, problem)
        x, normals, _ = draws.condition(declared, options["points"]["boundary"])
        normals = np.zeros((1, len(problem.coordinates))) if normals is None else normals
        residual = Residual(problem, [expression], jets)
        conditions.append(Condition(residual, x.astype(real), normals.astype(real), present))
    anchors = draws.interior(options["points"]["interior"]).astype(real)
    return dde.data.PDE(geometry, pde, conditions, anchors=anchors)


def _network(dde: Any, problem: Problem, options: dict[str, Any]) -> Any:
    network = options["network"]
    sizes = [len(problem.lower), *[network["width"]] * network["depth"], len(problem.unknown_names)]
    return dde.nn.FNN(sizes, network["activation"], "Glorot normal")


class Training:
    """Runs stages one after the other, and notes when each step was taken and what was spent on compiling."""

    def __init__(self, dde: Any):
        self._stages: list[tuple[str, int]] = []  # the optimiser and the step that it began after
        self._history: Any = None
        self._compiling = 0.0
        self._began = time.perf_counter()
        moments: dict[int, float] = {}
        began = self._began

        class Clock(dde.callbacks.Callback):
            def on_epoch_end(self) -> None:
                moments[self.model.train_state.step] = time.perf_counter() - began

        self._clock, self._moments = Clock, moments
        if dde.backend.backend_name == "jax":
            import jax

            jax.monitoring.register_event_duration_secs_listener(self._listen)

    def run(self, model: Any, iterations: int | None) -> None:
        """A stage of Adam, or of L-BFGS, which has its own limits."""
        step = model.train_state.step or 0
        self._stages.append(("adam" if iterations else "lbfgs", step))
        every = max((iterations or 1) // 50, 1)
        self._history, _ = model.train(
            iterations=iterations, display_every=every, callbacks=[self._clock()]
        )
        self._moments.setdefault(model.train_state.step, time.perf_counter() - self._began)

    def result(self) -> dict[str, np.ndarray]:
        """The history, and the seconds of compilation, which PyTorch does without."""
        steps = np.asarray(self._history.steps)
        known = sorted(self._moments)
        return {
            "compile": np.array(self._compiling),
            "history_iteration": steps,
            "history_loss": np.array([np.sum(loss) for loss in self._history.loss_train]),
            "history_seconds": np.interp(steps, known, [self._moments[k] for k in known]),
            "history_stage": np.array(
                [[name for name, after in self._stages if k > after or not after][-1] for k in steps]
            ),
        }

    def _listen(self, event: str, seconds: float, **_: object) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            self._compiling += seconds


class Residual:
    """Expressions of jets by DeepXDE's own gradients: first and second directly, higher ones nested."""

    def __init__(self, problem: Problem, expressions: Sequence[sp.Expr], jets: Sequence[Jet]):
        known = {p: sp.Float(p.value, 17) for p in problem.parameters}
        self._jets, self._names = tuple(jets), problem.unknown_names
        self._compiled = emit(
            [e.xreplace(known) for e in expressions],
            [*problem.variables, *(normal(x) for x in problem.coordinates),
             *(jet_symbol(jet, problem) for jet in jets)],
            _namespace(),
        )  # fmt: skip

    def __call__(self, x: Any, y: Any, normals: np.ndarray, rows: slice = slice(None)) -> list[Any]:
        """Values (n, 1) of every expression in the rows.

        ``y`` holds DeepXDE's outputs, with JAX a pair of them and their function.
        """
        import deepxde as dde

        if isinstance(y, tuple):
            # It remembers derivatives by the addresses of arrays, which other arrays may have by now.
            dde.grad.clear()
        jets = [_values(self._jet(x, y, jet))[rows, 0] for jet in self._jets]
        values = self._compiled(*x[rows].T, *normals.T, *jets)
        return [value.reshape(-1, 1) for value in values]

    def _jet(self, x: Any, y: Any, jet: Jet) -> Any:
        import deepxde as dde

        column = self._names.index(jet.unknown)
        axes = [axis for axis, count in enumerate(jet.index) for _ in range(count)]
        if not axes:
            return _values(y)[:, column : column + 1]
        if len(axes) == 2:
            return dde.grad.hessian(y, x, component=column, i=axes[0], j=axes[1])
        derived = dde.grad.jacobian(y, x, i=column, j=axes[0])
        for axis in axes[1:]:
            derived = dde.grad.jacobian(derived, x, i=0, j=axis)
        return derived


class Condition:
    """A condition at points of its own, as DeepXDE's boundary conditions are called."""

    def __init__(self, residual: Residual, points: np.ndarray, normals: np.ndarray, present: list[Any]):
        self._residual, self._points, self._normals, self._present = residual, points, normals, present

    def collocation_points(self, _: np.ndarray) -> np.ndarray:
        """Points (n, d)."""
        return self._points

    def error(self, _x: Any, inputs: Any, outputs: Any, beg: int, end: int, _aux: Any = None) -> Any:
        """Residual (n, 1) at its own rows; PyTorch differentiates the outputs as they stand, whole."""
        if not self._present:
            return self._residual(inputs, outputs, self._normals, slice(beg, end))[0]
        return self._residual(inputs[beg:end], (outputs[beg:end], self._present[0]), self._normals)[0]


def _values(found: Any) -> Any:
    """What DeepXDE's gradients are, which with JAX come in pairs with their function."""
    return found[0] if isinstance(found, tuple) else found


def _namespace() -> Any:
    """Array functions of the backend."""
    import deepxde as dde

    if dde.backend.backend_name == "pytorch":
        import torch  # pyright: ignore[reportMissingImports]

        from ._deepxde_torch import TorchNamespace

        return TorchNamespace(dde.config.real(torch))
    import jax.numpy as jnp

    return jnp


def _layers(model: Any) -> dict[str, np.ndarray]:
    """Weights (inputs, outputs) and biases."""
    layers = {}
    if not hasattr(model.net, "params"):
        for number, linear in enumerate(model.net.linears):
            layers[f"weight_{number}"] = linear.weight.detach().numpy().T.astype(float)
            layers[f"bias_{number}"] = linear.bias.detach().numpy().astype(float)
        return layers
    for name, entry in model.params[0]["params"].items():
        number = name.rsplit("_", 1)[1]
        layers[f"weight_{number}"] = np.asarray(entry["kernel"], float)
        layers[f"bias_{number}"] = np.asarray(entry["bias"], float)
    return layers


if __name__ == "__main__":
    main(Path(sys.argv[1]))
