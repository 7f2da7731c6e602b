"""How far a solution is from the truth, told from coarser ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .elements import Array

# The estimate is meant to be above the truth, by no more than a factor of five.
SAFETY = 1.75
# A sequence that shrinks by less than this from level to level is not converging in any useful sense.
SLOWEST = 1.5
# Below this, differences of solutions are rounding.
ROUNDING = 1e-13


def error_bars(
    distances: Sequence[Mapping[str, Array]], degrees: Mapping[str, int], expected: Mapping[str, float]
) -> dict[str, float]:
    """Estimated relative error of the finest solution, for each unknown.

    ``distances[k]`` holds the relative distance of levels k and k+1, each level twice as fine as the one
    before, in several parts of time. With d the last distance and ρ the factor by which distances shrink,
    Richardson's estimate is d/(ρ − 1). ρ is what was observed in that part, because a kink in the initial
    state may converge slowly long before anything else goes wrong; but no more than the element's 2^{p+1}:
    cancellations on coarse meshes can make it look better than it goes on to be. Where there are only two
    levels, ρ is ``expected`` of each unknown, but half an order less than the element's at most.
    """
    bars = {}
    for name, last in distances[-1].items():
        best = 2.0 ** (degrees[name] + 1)
        ratio = np.full(len(last), expected[name])
        if len(distances) > 1:
            ratio = distances[-2][name] / np.maximum(last, ROUNDING)
        ratio = np.clip(ratio, SLOWEST, best)
        bars[name] = max(SAFETY * float(np.linalg.norm(last / (ratio - 1))), ROUNDING)
    return bars


def shrinkage(distances: Sequence[Mapping[str, Array]], name: str) -> float:
    """The factor by which the last two distances of an unknown shrank, all times together."""
    before, last = (float(np.linalg.norm(d[name])) for d in distances[-2:])
    return before / max(last, ROUNDING)


def expected_shrinkage(coarse: float, fine: float, degree: int) -> float:
    """The factor by which errors shrink, from two solutions' energies of what the highest degree adds.

    That part is the error of one degree less. In energy it shrinks like h^{p−1}, or like h^α at a
    singularity r^α, where errors in L2 go like h^{2α}: twice the exponent is no more than what is due, and
    exact for degree 3. Degree 1 adds no energy that shrinks; it is taken for singular.
    """
    if degree == 1:
        return 2.0**1.15
    return (coarse / max(fine, ROUNDING * coarse, 1e-300)) ** 2
