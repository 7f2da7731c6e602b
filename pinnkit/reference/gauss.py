"""Second order in time: Gauss collocation with three stages, order 6, which conserves quadratic energies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .assembly import Array, Assembler
from .collocation import GAUSS, Stages, stuck
from .constraints import Constraints
from .dense_output import Trajectory, hermite_basis

_NEWTON_STEPS = 20
_NEWTON_TOLERANCE = 1e-12


def integrate_second_order(
    assembler: Assembler,
    constraints: Constraints,
    start: tuple[Array, Array],
    span: tuple[float, float],
    steps: int,
    report: Callable[[float], None] | None = None,
) -> Trajectory:
    """R(t, u, u̇, ü) = 0 in ``steps`` (even) equal steps; quintic Hermite output over pairs of steps.

    Stage values are of lower order than those at the steps' ends, so the output is made of the latter.
    """
    begin, end = span
    step = (end - begin) / steps
    fixed, free = constraints.fixed, constraints.free
    stages = Stages(GAUSS, assembler, constraints, saddle=False)
    u, v = start[0].copy(), start[1].copy()
    u[fixed], v[fixed] = constraints.values(begin, 0), constraints.values(begin, 1)
    stages.linearise(begin, (u, v, np.zeros_like(u)))
    values, rates = [u], [v]
    largest = np.abs(u).max(initial=0.0)

    def norm(vector: Array) -> float:
        # From rest, the first correction sets the scale.
        nonlocal largest
        size = float(np.abs(vector).max())
        largest = max(largest, size)
        return size / largest if largest else 0.0

    for n in range(steps):
        time = begin + n * step
        largest = max(largest, np.abs(u).max())
        guess = u + step * np.outer(GAUSS.c, v)
        attempt = (time, step, guess, (u, v), norm, _NEWTON_TOLERANCE, _NEWTON_STEPS)
        found, iterations = stages.solve(*attempt)
        if found is None:
            stages.linearise(time, (u, v, np.zeros_like(u)))
            found, iterations = stages.solve(*attempt)
        if found is None:
            raise stuck(time)
        if iterations > 4:
            stages.linearise(time + step, found[-1])
        u, v = u.copy(), v.copy()
        for rate, state in enumerate((u, v)):
            state[free] += step * (GAUSS.b @ np.stack([s[rate + 1] for s in found]))[free]
            state[fixed] = constraints.values(time + step, rate)
        values.append(u)
        rates.append(v)
        if report is not None:
            report((n + 1) / steps)
    pairs = [
        np.stack([w for i in (n, n + 1, n + 2) for w in (values[i], 2 * step * rates[i])])
        for n in range(0, steps, 2)
    ]
    basis = hermite_basis(np.array([0.0, 0.5, 1.0]))
    return Trajectory(np.linspace(begin, end, steps // 2 + 1), np.stack(pairs), basis)
