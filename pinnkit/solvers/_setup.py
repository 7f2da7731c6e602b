"""What collocation and variational solvers make of a declaration and options alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..declare.problem import Problem
from ..fields.collocation import Serve
from ..fields.exact_conditions import UNTOUCHED, exact_conditions
from ..fields.model import Fields
from ..fields.precision import cast
from ..forms.strong import strong_form
from ..training.checkpoint import Stage
from ..training.least_squares import Block, LeastSquares
from ..training.random_features import HeadLeastSquares
from ..training.schedule import read_schedule
from ..training.weighting import AbstractRule, with_blocks
from ._base import Formulation, Upon
from ._collocation_defaults import fitted, settled
from ._collocation_options import CollocationOptions
from ._networks import Draw, initial_fields
from ._residual import Evaluation, Residual

Settle = Callable[[Problem, CollocationOptions], tuple[CollocationOptions, str]]


class Setup:
    """Options with nothing left open, conditions, fields, schedule, and the equations as they stand.

    ``declared`` is the problem whose class decides what is left open, where ``problem`` was derived from it;
    ``settle``, ``draw`` and ``serve`` are as of an ``Ansatz``, ``upon`` as of a solver's ``build``.
    """

    def __init__(
        self,
        problem: Problem,
        options: CollocationOptions,
        seed: int,
        declared: Problem | None = None,
        settle: Settle = settled,
        draw: Draw | None = None,
        serve: Serve | None = None,
        upon: Upon | None = None,
    ):
        left_open = options.optimizer == "auto"
        self.problem, self.seed, self._serve = problem, seed, serve
        self.options, reason = settle(declared or problem, options)
        stages = read_schedule(self.options.optimizer)  # complaints come before the work
        # what features lack in derivatives of the lift they do not make up for; trained networks do
        analytic = any(stage.optimiser.name == HeadLeastSquares.name for stage in stages)
        conditions = exact_conditions(problem, options.conditions, analytic)
        self.conditions = conditions if upon is None else upon(conditions)
        self.transforms = {name: t for name, t in self.conditions.transform.items() if t is not UNTOUCHED}
        fields = initial_fields(problem, self.options.network, seed, draw)
        self.fields = fields.in_precision(options.precision)
        self.schedule, choice = chosen_schedule(self.options, left_open, self.fields, len(problem.variables))
        self.strong = strong_form(problem)
        residuals = [e.residual for e in self.strong.equations]
        self.equations = Residual(problem, residuals, self.strong.jets, tuple(self.options.curriculum))
        self.notes = (reason, *choice, *self.conditions.notes)

    def posed(self, blocks: Sequence[Block]) -> LeastSquares:
        """The blocks on the fields, in the precision asked for."""
        posed = with_blocks(self._unposed, blocks)
        return cast(posed, jnp.float32) if self.options.precision == "float32" else posed

    @cached_property
    def _unposed(self) -> LeastSquares:
        """Made once, so that other blocks of the same shapes compile nothing anew."""
        return LeastSquares(self.fields, (), linear=Fields.linear_leaves, first=Fields.first_leaves)

    def formulation(
        self,
        pose: Callable[[], LeastSquares],
        rules: tuple[AbstractRule, ...],
        notes: Sequence[str],
        **more: Any,
    ) -> Formulation:
        """All that training and evaluation need; ``more`` are further fields of a ``Formulation``."""
        evaluation = Evaluation(self.problem, self.transforms, self._serve)
        return Formulation(
            fields=self.fields,
            pose=pose,
            schedule=self.schedule,
            evaluate=evaluation,
            derivatives=evaluation.derivatives,
            residuals=partial(evaluation.residuals, self.equations),
            parameters=Fields.parameters,
            notes=(*self.notes, *notes),
            rules=rules,
            precision=self.options.precision,
            plain=lambda fields: fields.in_precision("float64"),
            tolerance=self.options.tolerance,
            time_limit=self.options.time_limit,
            **more,
        )


def chosen_schedule(
    options: CollocationOptions, left_open: bool, fields: Fields, coordinates: int
) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """The stages, fitted to the size of the fields where they were left open, and why in a sentence."""
    if not left_open or not any("ssbroyden" in stage for stage in options.optimizer):
        return read_schedule(options.optimizer), ()
    leaves = jax.tree.leaves(eqx.filter(fields, eqx.is_inexact_array))
    single = jnp.result_type(*leaves) != jnp.float64
    stages, reason = fitted(
        list(options.optimizer), sum(leaf.size for leaf in leaves), coordinates, single,
        jax.devices()[0].platform,
    )  # fmt: skip
    return read_schedule(stages), (reason,)
