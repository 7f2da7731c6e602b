"""First meshes fitted to the solution: cells halved where the highest-degree part of it is large."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .elements import Array

# A smooth solution loses more than this factor from one degree to the next on a cell that resolves it.
_ROUGH = 0.25
# A first mesh with a larger error than this is too coarse for rates to be seen.
_COARSEST = 0.02
# What rough cells may hold, in targets: the measure weighs small cells heavily (found on flows with corners).
_ROOM = 40.0


@dataclass(frozen=True)
class Aim:
    """What a first mesh is to resolve, relative.

    ``smooth`` cells improve at the element's rate from level to level. ``rough`` cells, where the solution is
    singular, hardly do, so they are made as good at once as the last level is to be.
    """

    smooth: float
    rough: float

    @classmethod
    def towards(cls, target: float, degree: int, levels: int, dimension: int) -> Aim:
        """For an error of ``target`` after ``levels`` halvings.

        The content of degree p goes like h^p where the error goes like h^{p+1}. On lines, where cells are
        cheap, all are made as good as one halving asks for.
        """
        if dimension == 1:
            wanted = min(target * 2.0 ** (degree + 1), _COARSEST / 2)
            return cls(wanted, wanted)
        first = min(target * 2.0 ** ((degree + 1) * levels), _COARSEST)
        smooth = first ** (degree / (degree + 1))
        return cls(smooth, min(_ROOM * target, smooth))


def marked(shares: Array, decay: Array, aim: Aim) -> np.ndarray:
    """Cells (m,) that carry more than an equal share of what is aimed for."""
    rough = decay > _ROUGH
    equal = aim.smooth**2 / len(shares)
    return shares > np.where(rough, min(equal, aim.rough**2 / max(rough.sum(), 1)), equal)


def worst(chosen: np.ndarray, shares: Array, most: int) -> np.ndarray:
    """No more than ``most`` of the chosen cells, those with the largest shares."""
    if chosen.sum() <= most:
        return chosen
    kept = np.zeros_like(chosen)
    kept[np.argsort(np.where(chosen, -shares, 0.0), kind="stable")[:most]] = True
    return kept
