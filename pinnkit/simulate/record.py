"""The trajectory of a run as splines through its cells and the times kept."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from .grid import Grid
from .simulator import Inputs, Simulator
from .spectral import Spectral
from .trajectory import SplineField

PAD = 3  # ghosts beyond every side that splines go through
_DEGREE = 5
_SMOOTHING = {1: 8, 2: 3, 3: 2}  # finer points between spectral nodes, for the spline through them
_MOST_VALUES = 2e7  # of a trajectory that is made denser for its spline


def recorded(simulator: Simulator, inputs: Inputs, values: np.ndarray) -> tuple[SplineField, float]:
    """The spline through values at equidistant times, and the relative error of interpolation in time."""
    problem, grid = simulator.problem, simulator.grid
    clock = problem.time
    times = np.linspace(clock.start, clock.end, len(values))
    lines = extended_lines(simulator)
    kept = list(simulator.shown.values())
    states = [i for i in kept if i < len(simulator.states)]
    if isinstance(simulator, Spectral):
        lines, wide = _refined(grid, values[:, kept])
    else:
        extend = jax.jit(jax.vmap(lambda v, t: simulator.extended(v, t, inputs, PAD)))
        wide = np.asarray(extend(jnp.asarray(values), jnp.asarray(times)))[:, kept]
    table = np.moveaxis(np.moveaxis(wide, 0, -1), 0, -1)  # (*space, time, unknowns)
    field = SplineField.through(tuple(simulator.shown), [*lines, times], table, _DEGREE)
    return field, _between(times, values[:, states])


def extended_lines(simulator: Simulator) -> list[np.ndarray]:
    """Positions along every axis, ghosts included."""
    return [simulator.grid.line(axis, PAD) for axis in range(len(simulator.grid.counts))]


def _refined(grid: Grid, values: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Spectral values at more nodes by their Fourier series, wrapped past the ends."""
    dimension = values.ndim - 2
    room = (_MOST_VALUES / values.size) ** (1 / dimension)
    factor = max(1, min(_SMOOTHING.get(dimension, 2), int(room)))
    lines, axes = [], range(2, values.ndim)
    for axis in axes:
        count = values.shape[axis]
        spectrum = np.fft.rfft(values, axis=axis)
        middle = [slice(None)] * values.ndim
        middle[axis] = slice(count // 2, count // 2 + 1)
        spectrum[tuple(middle)] = 0  # of an even count, the highest cosine has no sine beside it
        values = np.fft.irfft(spectrum, factor * count, axis=axis) * factor
        wide = [(PAD, PAD) if a == axis else (0, 0) for a in range(values.ndim)]
        values = np.pad(values, wide, mode="wrap")
        low, high = grid.lower[axis - 2], grid.upper[axis - 2]
        lines.append(low + (high - low) / (factor * count) * np.arange(-PAD, factor * count + PAD))
    return lines, values


def _between(times: np.ndarray, values: np.ndarray) -> float:
    """The error of interpolation in time, from what every second time says of the others.

    Halving the spacing divides the error of a spline of degree five by 2⁶, where it is resolved.
    """
    flat = values.reshape(len(times), -1)
    flat = flat[:, :: max(1, flat.shape[1] // 2000)]
    coarse = SplineField.through([str(i) for i in range(flat.shape[1])], [times[::2]], flat[::2], _DEGREE)
    guess = np.stack(list(coarse(times[1::2, None]).values()), axis=1)
    size = np.sqrt(np.mean(flat**2)) or 1.0
    return float(np.sqrt(np.mean((guess - flat[1::2]) ** 2)) / size / 2 ** (_DEGREE + 1))
