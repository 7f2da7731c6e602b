"""Case 1, Burgers, with the settings of DeepXDE's example ``pinn_forward/Burgers.py``."""

from __future__ import annotations

from tests.benchmarks.peers.deepxde_training import adam_then_lbfgs, begin, dde, derivatives  # isort: split

import numpy as np

SETTINGS = (
    "Burgers.py: 2540 + 80 + 160 points, 3 x 20 tanh, Adam 15000 at 1e-3, L-BFGS (15000); "
    "times to 1, not 0.99"
)


def equation(x, u):
    """u_t + u u_x − (0.01/π) u_xx."""
    first, second = derivatives(u, x)
    return first(0, 1) + u * first(0, 0) - 0.01 / np.pi * second(0, 0)


def main() -> None:
    """Train, and write the result."""
    task = begin()
    geometry = dde.geometry.GeometryXTime(dde.geometry.Interval(-1, 1), dde.geometry.TimeDomain(0, 1))
    walls = dde.icbc.DirichletBC(geometry, lambda x: 0, lambda _, on_boundary: on_boundary)
    start = dde.icbc.IC(geometry, lambda x: -np.sin(np.pi * x[:, 0:1]), lambda _, on_initial: on_initial)
    data = dde.data.TimePDE(
        geometry, equation, [walls, start], num_domain=2540, num_boundary=80, num_initial=160
    )
    net = dde.nn.FNN([2, 20, 20, 20, 1], "tanh", "Glorot normal")
    adam_then_lbfgs(task, dde.Model(data, net), 15000, SETTINGS)


if __name__ == "__main__":
    main()
