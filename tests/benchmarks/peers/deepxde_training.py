"""Training as DeepXDE's examples do it, PyTorch backend, with the clock of this benchmark looking on."""

from __future__ import annotations

import os
from collections.abc import Callable

from tests.benchmarks.peers.watch import Task

os.environ["DDE_BACKEND"] = "pytorch"  # the only one that has both of L-BFGS and a current release

import deepxde as dde
import torch


class Watch(dde.callbacks.Callback):
    """Measures the error now and then, and ends a pilot."""

    def __init__(self, task: Task):
        super().__init__()
        self._task = task

    def on_epoch_end(self) -> None:
        """After a step of Adam, or some hundred of L-BFGS."""
        if self._task.due:
            self._task.measure(self.model.predict)
        if self._task.clock > self._task.seconds:
            self.model.stop_training = True


def begin() -> Task:
    """The task of the command line, with DeepXDE set to its precision, seed and threads."""
    task = Task()
    dde.config.set_default_float(task.precision)
    dde.config.set_random_seed(task.seed)
    torch.set_num_threads(task.threads)
    return task


def adam_then_lbfgs(task: Task, model: dde.Model, iterations: int, settings: str) -> None:
    """Adam at 1e-3, then L-BFGS with DeepXDE's own limits; the result is written."""
    model.compile("adam", lr=1e-3)
    model.train(iterations=iterations, callbacks=[Watch(task)], display_every=1000)
    if not model.stop_training:
        # The same iterations handed over in smaller parts, so that the error is seen between them.
        dde.optimizers.config.LBFGS_options.update(iter_per_step=200, fun_per_step=250)
        model.compile("L-BFGS")
        model.train(callbacks=[Watch(task)])
    finish(task, model, settings)


def finish(task: Task, model: dde.Model, settings: str) -> None:
    """Measure the last state and write the result."""
    task.measure(model.predict)
    versions = {"deepxde": dde.__version__, "torch": torch.__version__}
    task.finish(settings, versions, model.net.num_trainable_parameters(), not model.stop_training)


def derivatives(outputs: torch.Tensor, x: torch.Tensor) -> tuple[Callable, Callable]:
    """DeepXDE's gradients by component: first (i, j), and second (component, j, j)."""
    return (
        lambda i, j: dde.grad.jacobian(outputs, x, i=i, j=j),
        lambda i, j: dde.grad.hessian(outputs, x, component=i, i=j, j=j),
    )
