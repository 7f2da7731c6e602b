"""Case 6, the wave equation, with the settings of DeepXDE's example ``pinn_forward/wave_1d.py``.

The example's network, STMsFFN (Wang, Wang & Perdikaris, CMAME 384, 2021), is missing from DeepXDE's PyTorch
backend and stands here as its TensorFlow backend has it.
"""

from __future__ import annotations

from tests.benchmarks.peers.deepxde_training import Watch, begin, dde, derivatives, finish, torch  # isort: split

import numpy as np

SETTINGS = (
    "wave_1d.py: 360 + 360 + 360 points, interior ones redrawn at every step, STMsFFN 3 x 100 tanh with "
    "scales 1 in x and 1, 10 in t, loss weights 5/initial loss, Adam 10000 at 1e-3 with inverse time decay"
)
WIDTH, DEPTH = 100, 3


class SpaceTimeFeatures(dde.nn.pytorch.NN):
    """Random Fourier features of x and of t, each through one shared network, multiplied; a linear layer."""

    def __init__(self, scales_x: list[float], scales_t: list[float]):
        super().__init__()
        real = dde.config.real(torch)
        self._x = [torch.randn(1, WIDTH // 2, dtype=real) * scale for scale in scales_x]
        self._t = [torch.randn(1, WIDTH // 2, dtype=real) * scale for scale in scales_t]
        self.shared = torch.nn.ModuleList(torch.nn.Linear(WIDTH, WIDTH, dtype=real) for _ in range(DEPTH - 1))
        self.last = torch.nn.Linear(WIDTH * len(scales_x) * len(scales_t), 1, dtype=real)
        for layer in (*self.shared, self.last):
            torch.nn.init.xavier_uniform_(layer.weight)
            torch.nn.init.zeros_(layer.bias)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(n, 2) to (n, 1)."""
        scaled = (inputs - 0.5) * 2 * np.sqrt(3)
        along_x = [self._encode(scaled[:, :1] @ b) for b in self._x]
        along_t = [self._encode(scaled[:, 1:] @ b) for b in self._t]
        return self.last(torch.cat([a * b for a in along_x for b in along_t], dim=1))

    def _encode(self, phase: torch.Tensor) -> torch.Tensor:
        z = torch.cat([torch.cos(phase), torch.sin(phase)], dim=1)
        for layer in self.shared:
            z = torch.tanh(layer(z))
        return z


def equation(x, u):
    """u_tt − 4 u_xx."""
    _, second = derivatives(u, x)
    return second(0, 1) - 4 * second(0, 0)


def start(x: np.ndarray) -> np.ndarray:
    """u at t = 0."""
    return np.sin(np.pi * x[:, :1]) + np.sin(4 * np.pi * x[:, :1]) / 2


def main() -> None:
    """Train, and write the result."""
    task = begin()
    geometry = dde.geometry.GeometryXTime(dde.geometry.Interval(0, 1), dde.geometry.TimeDomain(0, 1))
    conditions = [
        dde.icbc.DirichletBC(geometry, lambda x: 0, lambda _, on_boundary: on_boundary),
        dde.icbc.IC(geometry, start, lambda _, on_initial: on_initial),
        dde.icbc.OperatorBC(  # the rate at t = 0
            geometry, lambda x, u, _: dde.grad.jacobian(u, x, i=0, j=1),
            lambda x, _: dde.utils.isclose(x[1], 0),
        ),
    ]
    data = dde.data.TimePDE(
        geometry, equation, conditions, num_domain=360, num_boundary=360, num_initial=360
    )
    model = dde.Model(data, SpaceTimeFeatures([1.0], [1.0, 10.0]))
    model.compile("adam", lr=1e-3)
    history, _ = model.train(0)
    model.compile(
        "adam", lr=1e-3, loss_weights=5 / history.loss_train[0], decay=("inverse time", 2000, 0.9)
    )
    redraw = dde.callbacks.PDEPointResampler(period=1)
    model.train(iterations=10000, callbacks=[redraw, Watch(task)], display_every=500)
    finish(task, model, SETTINGS)


if __name__ == "__main__":
    main()
