"""The weighting rules that collocation options ask for, checked against the problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jax import Array

from ..declare.errors import DeclarationError, unknown_word
from ..declare.problem import Problem, condition_expressions
from ..declare.symbols import Parameter
from ..fields.collocation import Collocation
from ..training.causality import CausalWeights
from ..training.curriculum import Curriculum
from ..training.point_weighting import AugmentedLagrangian
from ..training.rules import read_weighting
from ..training.weighting import AbstractRule
from ._collocation_options import CollocationOptions

EQUATIONS = "equations"
_SAME = 1e-2  # a last value as near as this to the declared one is meant to be it


def times_of(points: Any) -> Array:
    """The times of collocation points."""
    assert isinstance(points, Collocation)
    return points.x[:, -1]


def weighting_rules(
    problem: Problem, options: CollocationOptions, soft: int, times: Callable[[Any], Array] = times_of
) -> tuple[AbstractRule, ...]:
    """Curricula and causal weights first, then the weighting, which sees the blocks as they left them.

    ``soft`` is the number of conditions that are left to the loss; ``times`` tells those of an equation's
    points. Raises ``DeclarationError`` where a rule
    would find nothing to act on.
    """
    rules: list[AbstractRule] = list(_curricula(problem, options))
    if options.causal_chunks:
        if problem.time is None:
            raise DeclarationError(
                f"causal_chunks: {options.causal_chunks} for a steady problem", section="causal_chunks",
                expected="a problem with a time interval", mend="leave it at 0",
            )  # fmt: skip
        rules.append(
            CausalWeights(
                block=EQUATIONS,
                times=times,
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


def _curricula(problem: Problem, options: CollocationOptions) -> Iterator[Curriculum]:
    known = {p.name: p for p in problem.parameters if not p.infer}
    in_equations = {p.name for e in problem.equations for p in e.residual.atoms(Parameter)}
    elsewhere = {
        p.name for c in problem.conditions for e in condition_expressions(c) for p in e.atoms(Parameter)
    }
    for name, values in options.curriculum.items():
        if name not in known:
            raise unknown_word("parameter of the curriculum", name, known, section="curriculum")
        declared = float(known[name].value)
        if name in elsewhere or name not in in_equations:
            raise DeclarationError(
                f"curriculum: {name} stands in {'a condition' if name in elsewhere else 'no equation'}",
                expected="a parameter of the equations alone", section="curriculum",
                mend="name another parameter, or take that value out of the condition as one of its own",
            )  # fmt: skip
        if abs(values[-1] - declared) > _SAME * abs(declared):
            raise DeclarationError(
                f"curriculum: {name} ends at {values[-1]:g}", section="curriculum",
                expected=f"the declared value {declared:g} as the last one",
                mend=f"add {declared:g} at the end",
            )  # fmt: skip
        yield Curriculum(
            block=EQUATIONS, parameter=name, values=(*values[:-1], declared), put=_Put(name),
            every=options.curriculum_every,
        )  # fmt: skip


@dataclass(frozen=True)
class _Put:
    """Gives a parameter a value at collocation points."""

    name: str

    def __call__(self, points: Any, value: Array) -> Any:
        return eqx.tree_at(lambda at: at.parameters[self.name], points, jnp.full(len(points.x), value))
