"""Reference files of the zoo by Fourier collocation, without a line of pinnkit: shallow water, Gray–Scott.

    python -m tests.benchmarks.pseudo_spectral

Writes problems/data/NAME.npz and prints how far three quarters of the modes are from it: more than its error.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp

from tests.benchmarks.tables import ROOT

_TOLERANCE = 1e-12
Rates = Callable[[np.ndarray], np.ndarray]  # of states (n, *counts)


def derivative(values: np.ndarray, axis: int, order: int, length: float) -> np.ndarray:
    """∂^order along an axis of periodic values."""
    count = values.shape[axis]
    wave = 2j * np.pi / length * np.fft.rfftfreq(count, 1 / count)
    wave = (wave**order).reshape(-1, *(1,) * (values.ndim - 1 - axis % values.ndim))
    return np.fft.irfft(np.fft.rfft(values, axis=axis) * wave, count, axis=axis)


def march(rates: Rates, start: np.ndarray, times: np.ndarray) -> np.ndarray:
    """States at every time, by Dormand and Prince's method of order eight."""
    found = solve_ivp(
        lambda _, flat: rates(flat.reshape(start.shape)).ravel(), (times[0], times[-1]), start.ravel(),
        "DOP853", times, rtol=_TOLERANCE, atol=_TOLERANCE,
    )  # fmt: skip
    return found.y.T.reshape(len(times), *start.shape)


def shallow_water(count: int, times: np.ndarray) -> np.ndarray:
    """h and m of h_t + m_x = 0, m_t + (m²/h + g h²/2)_x = 0 at ``count`` nodes of [0, 1)."""
    x = np.arange(count) / count

    def rates(states: np.ndarray) -> np.ndarray:
        h, m = states
        return -derivative(np.stack([m, m**2 / h + 9.81 * h**2 / 2]), -1, 1, 1.0)

    return march(rates, np.stack([1 + np.exp(np.cos(2 * np.pi * x)) / 20, 0 * x]), times)


def gray_scott(count: int, times: np.ndarray) -> np.ndarray:
    """u and v at ``count``² nodes of [−1, 1)²."""
    x, y = np.meshgrid(*2 * [-1 + 2 * np.arange(count) / count], indexing="ij")

    def laplacian(values: np.ndarray) -> np.ndarray:
        return derivative(values, -2, 2, 2.0) + derivative(values, -1, 2, 2.0)

    def rates(states: np.ndarray) -> np.ndarray:
        u, v = states
        eaten = u * v**2
        grown = np.stack([0.04 * (1 - u) - eaten, eaten - 0.1 * v])
        return grown + np.array([4e-4, 2e-4]).reshape(2, 1, 1) * laplacian(states)

    def spot(a: float, b: float) -> np.ndarray:
        return np.exp(-40 * ((x - a) ** 2 + (y - b) ** 2))

    return march(rates, np.stack([1 - spot(-0.05, -0.02), spot(0.05, 0.02)]), times)


def main() -> int:
    """Write both files."""
    for name, solve, fourth, kept, times, names, lines in (
        ("shallow_water", shallow_water, 256, 128, np.linspace(0, 0.1, 21), "hm", {"x": (0, 1)}),
        ("gray_scott", gray_scott, 64, 32, np.linspace(0, 20, 11), "uv", {"x": (-1, 1), "y": (-1, 1)}),
    ):
        modes, thin = (4 * fourth, 3 * fourth), (slice(None, None),) * 2
        fine, coarse = (
            solve(n, times)[*thin, *(slice(None, None, n // kept),) * len(lines)] for n in modes
        )
        changed = [
            np.linalg.norm(coarse[:, k] - fine[:, k]) / np.linalg.norm(fine[:, k]) for k in range(len(names))
        ]
        axes = {key: np.linspace(*ends, kept, endpoint=False) for key, ends in lines.items()}
        values = {unknown: fine[:, k] for k, unknown in enumerate(names)}
        np.savez_compressed(ROOT / "problems" / "data" / f"{name}.npz", t=times, **axes, **values)
        print(f"{name}: with three quarters of the modes {max(changed):.1e} away", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
