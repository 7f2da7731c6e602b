"""Second order in time: Gauss collocation with three stages, order 6, which conserves quadratic energies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

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
    breaks: Sequence[float] = (),
) -> Trajectory:
    """R(t, u, u̇, ü) = 0 in ``steps`` equal steps or a few more; quintic Hermite output over pairs of steps.

    Steps are equal between two ``breaks``, at which a pair ends. Stage values are of lower order than those
    at the steps' ends, so the output is made of the latter.
    """
    begin, end = span
    fixed, free = constraints.fixed, constraints.free
    stages = Stages(GAUSS, assembler, constraints, saddle=False)
    u, v = start[0].copy(), start[1].copy()
    largest = np.abs(u).max(initial=0.0)

    def norm(vector: Array) -> float:
        # From rest, the first correction sets the scale.
        nonlocal largest
        size = float(np.abs(vector).max())
        largest = max(largest, size)
        return size / largest if largest else 0.0

    times, nodes = [begin], []
    for first, last in pairwise([begin, *breaks, end]):
        count = 2 * int(np.ceil(steps * (last - first) / (2 * (end - begin)) - 1e-9))
        step = (last - first) / count
        inset = 1e-9 * step
        stages.window = (first + inset, last - inset)
        u, v = u.copy(), v.copy()
        u[fixed], v[fixed] = (constraints.values(first + inset, rate) for rate in (0, 1))
        stages.linearise(first, (u, v, np.zeros_like(u)))
        passed = [(u, v)]
        for n in range(count):
            time = first + n * step
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
                state[fixed] = constraints.values(stages.moment(time + step), rate)
            passed.append((u, v))
            if report is not None:
                report((time + step - begin) / (end - begin))
        times += np.linspace(first, last, count // 2 + 1)[1:].tolist()
        nodes += [
            np.stack([w for value, rate in passed[n : n + 3] for w in (value, 2 * step * rate)])
            for n in range(0, count, 2)
        ]
    return Trajectory(np.array(times), np.stack(nodes), hermite_basis(np.array([0.0, 0.5, 1.0])))
