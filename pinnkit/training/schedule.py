"""From the names of optimisers, as options state them, to the stages of a schedule."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ..declare.errors import unknown_word
from .checkpoint import Stage
from .first_order import Adam, AdamW
from .gauss_newton import LevenbergMarquardt
from .optimiser import AbstractOptimiser
from .quasi_newton import LBFGS, SSBFGS, SSBroyden
from .random_features import HeadLeastSquares

OPTIMISERS: dict[str, type[AbstractOptimiser]] = {
    optimiser.name: optimiser
    for optimiser in (Adam, AdamW, LBFGS, SSBFGS, SSBroyden, LevenbergMarquardt, HeadLeastSquares)
}


def read_schedule(stages: Sequence[str | Mapping[str, Any]]) -> tuple[Stage, ...]:
    """Stages from names, {name: iterations} or {name: {iterations: …, option: …}}.

    Raises ``DeclarationError`` naming the unknown optimiser or option and the ones there are.
    """
    return tuple(stage for entry in stages for stage in _read(entry))


def _read(entry: str | Mapping[str, Any]) -> list[Stage]:
    if isinstance(entry, str):
        entry = {entry: {}}
    stages = []
    for name, settings in entry.items():
        if name not in OPTIMISERS:
            raise unknown_word("optimiser", name, OPTIMISERS, section="optimizer")
        kind = OPTIMISERS[name]
        settings = {"iterations": settings} if isinstance(settings, int) else dict(settings)
        iterations = int(settings.pop("iterations", kind.default_iterations))
        known = [f.name for f in dataclasses.fields(kind)]
        for option in settings:
            if option not in known:
                raise unknown_word(f"option of {name}", option, ["iterations", *known], section="optimizer")
        if "horizon" in known:
            settings.setdefault("horizon", iterations)  # a learning rate that falls does so over the stage
        stages.append(Stage(kind(**settings), iterations))
    return stages
