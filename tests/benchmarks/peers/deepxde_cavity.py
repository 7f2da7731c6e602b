"""Case 8, the cavity under an eased lid. DeepXDE has no such example: its nearest, of the same equations, is
``pinn_forward/Kovasznay_flow.py``, whose settings stand here.
"""

from __future__ import annotations

from tests.benchmarks.peers.deepxde_training import adam_then_lbfgs, begin, dde, derivatives  # isort: split

import numpy as np

SETTINGS = "Kovasznay_flow.py: 2601 + 400 points, 4 x 50 tanh, Adam 30000 at 1e-3, L-BFGS (15000)"


def equations(x, w):
    """(u·∇)u + ∇p − 0.01 Δu and ∇·u, where w = (u, v, p)."""
    first, second = derivatives(w, x)
    u, v = w[:, 0:1], w[:, 1:2]
    momentum = [
        u * first(c, 0) + v * first(c, 1) + first(2, c) - 0.01 * (second(c, 0) + second(c, 1)) for c in (0, 1)
    ]
    return [*momentum, first(0, 0) + first(1, 1)]


def main() -> None:
    """Train, and write the result."""
    task = begin()
    square = dde.geometry.Rectangle([0, 0], [1, 1])

    def lid(x: np.ndarray, on_boundary: bool) -> bool:
        return on_boundary and bool(np.isclose(x[1], 1))

    def wall(x: np.ndarray, on_boundary: bool) -> bool:
        return on_boundary and not np.isclose(x[1], 1)

    conditions = [
        dde.icbc.DirichletBC(square, lambda x: 4 * x[:, :1] * (1 - x[:, :1]), lid, component=0),
        dde.icbc.DirichletBC(square, lambda x: 0, wall, component=0),
        dde.icbc.DirichletBC(square, lambda x: 0, lambda _, on_boundary: on_boundary, component=1),
        dde.icbc.PointSetBC(np.zeros((1, 2)), np.zeros((1, 1)), component=2),
    ]
    data = dde.data.PDE(square, equations, conditions, num_domain=2601, num_boundary=400)
    net = dde.nn.FNN([2, 50, 50, 50, 50, 3], "tanh", "Glorot normal")
    adam_then_lbfgs(task, dde.Model(data, net), 30000, SETTINGS)


if __name__ == "__main__":
    main()
