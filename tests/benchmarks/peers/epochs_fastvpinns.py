"""FastVPINNs: seconds of a training step with its own cells, points, tests, network and Adam.

Runs in an environment of its own: python epochs_fastvpinns.py FILE.json 'JSON' where JSON is a list of tasks,
each with ``cells`` (nx, ny) of the unit square or a ``mesh`` file, and the sizes all contenders share.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from importlib.metadata import version
from typing import Any

import numpy as np
import tensorflow as tf
from fastvpinns.data.datahandler2d import DataHandler2D
from fastvpinns.FE.fespace2d import Fespace2D
from fastvpinns.Geometry.geometry_2d import Geometry_2D
from fastvpinns.model.model import DenseModel
from fastvpinns.physics.poisson2d import pde_loss_poisson


def model(task: dict[str, Any], folder: str) -> tuple[Any, int, int]:
    """A model to train, its numbers of points inside and on the boundary."""
    way = "external" if task.get("mesh") else "internal"
    geometry = Geometry_2D("quadrilateral", way, 10, 10, folder)
    if task.get("mesh"):
        cells, boundary = geometry.read_mesh(task["mesh"], 1, "uniform", refinement_level=0)
    else:
        nx, ny = task["cells"]
        cells, boundary = geometry.generate_quad_mesh_internal((0, 1), (0, 1), nx, ny, task["boundary"])
    space = Fespace2D(
        mesh=geometry.mesh, cells=cells, boundary_points=boundary, cell_type="quadrilateral",
        fe_order=task["tests"], fe_type="legendre", quad_order=task["quadrature"],
        quad_type="gauss-legendre", fe_transformation_type="bilinear",
        bound_function_dict={tag: lambda x, y: np.zeros_like(x) for tag in boundary},
        bound_condition_dict=dict.fromkeys(boundary, "dirichlet"),
        forcing_function=lambda x, y: 50 * np.sin(x) + np.cos(y), output_path=folder,
    )  # fmt: skip
    data = DataHandler2D(space, geometry, dtype=tf.float32)
    rate = {
        "initial_learning_rate": 1e-3, "use_lr_scheduler": False, "decay_steps": 1000, "decay_rate": 0.99,
    }  # fmt: skip
    held, values = data.get_dirichlet_input()
    made = DenseModel(
        layer_dims=[2, *[task["width"]] * task["depth"], 1], learning_rate_dict=rate,
        params_dict={"n_cells": len(cells)}, loss_function=pde_loss_poisson,
        input_tensors_list=[data.x_pde_list, held, values],
        orig_factor_matrices=[data.shape_val_mat_list, data.grad_x_mat_list, data.grad_y_mat_list],
        force_function_list=data.forcing_function_list, tensor_dtype=tf.float32, activation="tanh",
    )  # fmt: skip
    return made, int(data.x_pde_list.shape[0]), int(held.shape[0])


def measured(task: dict[str, Any], folder: str) -> dict[str, Any]:
    """Median seconds of a step after the first ones, and what it went over."""
    made, inside, boundary = model(task, folder)
    parameters = {"eps": tf.constant(1.0)}

    def step() -> float:
        return float(made.train_step(beta=10, bilinear_params_dict=parameters)["loss"].numpy().ravel()[0])

    for _ in range(3):
        step()
    seconds, cpu = [], time.process_time()
    for _ in range(task["epochs"]):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return {
        "wall": float(np.median(seconds)), "cpu": (time.process_time() - cpu) / task["epochs"],
        "points": inside, "boundary": boundary,
    }  # fmt: skip


if __name__ == "__main__":
    found: dict[str, Any] = {"versions": {name: version(name) for name in ("fastvpinns", "tensorflow-cpu")}}
    with tempfile.TemporaryDirectory() as folder:
        found["tasks"] = [measured(task, folder) for task in json.loads(sys.argv[2])]
    with open(sys.argv[1], "w") as file:
        json.dump(found, file)
