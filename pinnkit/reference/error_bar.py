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


def error_bars(distances: Sequence[Mapping[str, Array]], degrees: Mapping[str, int]) -> dict[str, float]:
    """Estimated relative error of the finest solution, for each unknown.

    ``distances[k]`` holds the relative distance of levels k and k+1, each level twice as fine as the one
    before, in several parts of time. With d the last distance and ρ the factor by which distances shrink,
    Richardson's estimate is d/(ρ − 1). ρ is what was observed in that part, because a kink in the initial
    state may converge slowly long before anything else goes wrong; but no more than the element's 2^{p+1}:
    cancellations on coarse meshes can make it look better than it goes on to be.
    """
    bars = {}
    for name, last in distances[-1].items():
        best = 2.0 ** (degrees[name] + 1)
        ratio = np.full(len(last), SLOWEST)
        if len(distances) > 1:
            ratio = np.clip(distances[-2][name] / np.maximum(last, ROUNDING), SLOWEST, best)
        bars[name] = max(SAFETY * float(np.linalg.norm(last / (ratio - 1))), ROUNDING)
    return bars
