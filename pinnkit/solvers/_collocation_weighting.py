"""The weighting rules that collocation options ask for, checked against the problem."""

from __future__ import annotations

from typing import Any

from jax import Array

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.collocation import Collocation
from ..training.causality import CausalWeights
from ..training.point_weighting import AugmentedLagrangian
from ..training.rules import read_weighting
from ..training.weighting import AbstractRule
from ._collocation_options import CollocationOptions

EQUATIONS = "equations"


def weighting_rules(problem: Problem, options: CollocationOptions, soft: int) -> tuple[AbstractRule, ...]:
    """Causal weights first, then the weighting, which sees the blocks as they left them.

    ``soft`` is the number of conditions that are left to the loss. Raises ``DeclarationError`` where a rule
    would find nothing to act on.
    """
    rules: list[AbstractRule] = []
    if options.causal_chunks:
        if problem.time is None:
            raise DeclarationError(
                f"causal_chunks: {options.causal_chunks} for a steady problem", section="causal_chunks",
                expected="a problem with a time interval", mend="leave it at 0",
            )  # fmt: skip
        rules.append(
            CausalWeights(
                block=EQUATIONS,
                times=_times,
                start_time=problem.time.start,
                end_time=problem.time.end,
                chunks=options.causal_chunks,
                steepness=options.causal_steepness,
            )
        )
    weighting = read_weighting(options.weighting)
    if isinstance(weighting, AugmentedLagrangian) and not soft:
        raise DeclarationError(
            "weighting: augmented_lagrangian has no condition to act on", section="weighting",
            expected="a condition that is left to the loss; here all are built into the unknowns",
            mend="write conditions: soft, or weighting: none",
        )  # fmt: skip
    return (*rules, *([weighting] if weighting is not None else []))


def _times(points: Any) -> Array:
    assert isinstance(points, Collocation)
    return points.x[:, -1]
