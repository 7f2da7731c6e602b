"""DeepXDE as a peer: the same declaration, translated, trained by DeepXDE in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from ._base import DirectSolver, Options, Requirement, SolverFailed

if TYPE_CHECKING:
    import numpy as np

    from ..declare import Problem
    from ..solution import Field, Solution

_LAST_LINES = 12
_HISTORY = "history_"


class DeepxdeNetwork(Options):
    """DeepXDE's fully connected network, Glorot normal."""

    width: PositiveInt = 20
    """Units in each hidden layer."""
    depth: PositiveInt = 3
    """Hidden layers."""
    activation: Literal["tanh", "sin", "swish"] = "tanh"
    """Activation function."""


class DeepxdePoints(Options):
    """Training points, drawn once by this project's sampling."""

    interior: PositiveInt = 2540
    """Points inside the domain."""
    boundary: PositiveInt = 100
    """Points for each condition."""


class DeepxdeOptions(Options):
    """Options of DeepXDE; the defaults are those of its own Burgers example, in double precision."""

    network: DeepxdeNetwork = DeepxdeNetwork()
    points: DeepxdePoints = DeepxdePoints()
    precision: Literal["float32", "float64"] = "float64"
    """Precision of everything; DeepXDE's own default is float32."""
    iterations: PositiveInt = 15000
    """Steps of Adam."""
    lbfgs: NonNegativeInt = 0
    """Steps of L-BFGS after it, which DeepXDE has with PyTorch only: then that is its backend, else JAX."""
    learning_rate: PositiveFloat = 1e-3
    """Learning rate of Adam."""
    condition_weight: NonNegativeFloat = 1.0
    """Weight of every condition's mean squared residual; equations have 1."""


def _plain(problem: Problem) -> bool:
    return not problem.inferred and not any(p.infer for p in problem.parameters)


class Deepxde(DirectSolver):
    """Minimises Σ mean(R²) over fixed points with soft conditions, nothing built in, as DeepXDE does.

    Residuals come from the declaration; derivatives, network, initialisation, loss and optimiser are
    DeepXDE's own. It picks its backend when imported and sets precision globally: hence a process of its own.
    """

    name = "deepxde"
    summary = "the peer: the same declaration trained by DeepXDE, in a process of its own"
    references = ("Lu, Meng, Mao & Karniadakis, SIAM Rev. 63 (2021)",)
    requires = (
        Requirement("nothing to be inferred", _plain),
        Requirement("no observations", lambda problem: not problem.observations),
        Requirement("no periodic coordinate", lambda problem: not problem.periodic),
        Requirement(
            "unknowns that depend on every coordinate",
            lambda problem: all(len(f.args) == len(problem.variables) for f in problem.unknowns),
        ),
    )
    options = DeepxdeOptions

    def run(self, problem: Problem, options: DeepxdeOptions, seed: int) -> Solution:
        """Train in a process of its own. Raises ``DeclarationError`` where DeepXDE or its backend is not
        installed, ``SolverFailed`` where it does not come to an end, or to NaN.
        """
        import numpy as np

        from ..solution import Record, Solution, package_versions

        backend = "pytorch" if options.lbfgs else "jax"
        _require(problem, backend)
        with tempfile.TemporaryDirectory(prefix="pinnkit-deepxde-") as folder:
            task = {"options": options.model_dump(mode="json"), "seed": seed}
            Path(folder, "task.json").write_text(json.dumps(task))
            Path(folder, "problem.yaml").write_text(problem.to_yaml())
            command = [sys.executable, "-m", "pinnkit.solvers._deepxde_worker", folder]
            environment = {**os.environ, "DDE_BACKEND": backend}
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            result = Path(folder, "result.npz")
            if done.returncode or not result.is_file():
                said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
                raise SolverFailed(f"DeepXDE stopped with exit code {done.returncode}; it last said:\n{said}")
            with np.load(result) as stored:
                arrays = {name: stored[name] for name in stored.files}
        if not all(np.isfinite(arrays[name]).all() for name in _layers(arrays)):
            raise SolverFailed("DeepXDE's weights are not finite; try a smaller learning_rate")
        kept = [name for name in arrays if name.startswith(_HISTORY)]
        versions = {**package_versions(), "deepxde": str(arrays["version"])}
        record = Record(
            solver=self.name, options=options.model_dump(mode="json"), seed=seed, versions=versions,
            history={name.removeprefix(_HISTORY): arrays[name] for name in kept},
            timing={"compile": float(arrays["compile"])},
            parameter_count=int(sum(arrays[k].size for k in _layers(arrays))),
            notes=(
                "conditions are imposed softly, points are drawn once, as DeepXDE does",
                f"DeepXDE's backend was {backend}",
            ),
        )  # fmt: skip
        return Solution(problem, self.restore(problem, options, arrays), record)

    def arrays(self, solution: Solution) -> dict[str, np.ndarray]:
        """Weights and biases of every layer."""
        return solution.field.layers

    def restore(self, problem: Problem, options: DeepxdeOptions, arrays: Mapping[str, np.ndarray]) -> Field:
        """The network with its weights."""
        from ._deepxde_network import DeepxdeField

        layers = {name: arrays[name] for name in _layers(arrays)}
        return DeepxdeField(problem.unknown_names, layers, options.network.activation)


def _require(problem: Problem, backend: str) -> None:
    """Raise ``DeclarationError`` for what is not installed or not to be had with the backend."""
    from ..declare.errors import DeclarationError
    from ..declare.regions import InRegion

    if find_spec("deepxde") is None or (backend == "jax" and find_spec("flax") is None):
        raise DeclarationError(
            "solver deepxde: DeepXDE is not installed", expected="the packages deepxde and flax",
            mend="pip install 'pinnkit[deepxde]'",
        )  # fmt: skip
    if backend == "pytorch" and find_spec("torch") is None:
        raise DeclarationError(
            "solver deepxde: L-BFGS needs DeepXDE's PyTorch backend, and PyTorch is not installed",
            expected="the package torch", mend="pip install torch, or set solver.lbfgs: 0 for Adam alone",
        )  # fmt: skip
    if backend == "pytorch" and any(equation.residual.has(InRegion) for equation in problem.equations):
        raise DeclarationError(
            "solver deepxde: coefficients by region are not to be had with its PyTorch backend",
            expected="coefficients given by expressions", mend="set solver.lbfgs: 0, for the JAX backend",
        )  # fmt: skip


def _layers(arrays: Mapping[str, np.ndarray]) -> list[str]:
    return [name for name in arrays if name.startswith(("weight_", "bias_"))]
