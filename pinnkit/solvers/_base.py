"""What a solver is: a final class with metadata, typed options, and one method that does the work.

This module and the top level of every solver module import neither JAX nor SymPy, so that a listing costs
nothing; the work's own imports stand inside ``build`` or ``run``.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    import numpy as np
    from jax import Array

    from ..declare import Problem
    from ..fields.exact_conditions import ExactConditions
    from ..forms.scale import Scaling
    from ..geometry.division import Division
    from ..solution import Field, Index, Solution
    from ..training import AbstractRefinement, AbstractRule, LeastSquares, Stage


Upon = Callable[["ExactConditions"], "ExactConditions"]
"""Makes exact conditions those of unknowns that are built upon others, found before."""


class Options(BaseModel):
    """Typed options of a solver: unknown names are errors, values are coerced and never changed after."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class SolverFailed(RuntimeError):
    """A direct solver came to no result; the text names the cause and what it last said."""


@dataclass(frozen=True)
class Requirement:
    """What a solver needs of a problem: in words ("an equation in flux form") and as a predicate."""

    text: str
    holds: Callable[[Problem], bool]


@dataclass(frozen=True)
class Formulation:
    """What a trained solver makes of a problem.

    ``fields`` are drawn from the seed; ``pose`` states the least-squares problem for them, points included,
    which a solution that is only read back does without. ``schedule`` is what the training loop runs through,
    stage by stage. ``evaluate(fields, points)`` gives every unknown at points (n, d), each (n,), in JAX,
    ``derivatives(fields, points, indices)`` its derivatives by multi-indices over the problem's variables,
    each (n, number of indices), and ``residuals(fields, points)`` the residual of every equation;
    ``fluxes(fields, points)`` the flux (n, d) of every equation, where these are solved for;
    ``parameters(fields)`` gives the inferred constants. ``notes`` say in sentences what was chosen and why,
    for the report. ``precision`` is that of training, float64, float32 or mixed, and ``plain(fields)`` are
    fields without what is rounded on purpose. ``redraw``, ``redraw_every``, ``rules``, ``refinement``,
    ``tolerance`` and ``time_limit`` are the loop's. ``division`` says how the domain is divided among
    networks, where it is.
    """

    fields: Any
    pose: Callable[[], LeastSquares]
    schedule: tuple[Stage, ...]
    evaluate: Callable[[Any, Array], dict[str, Array]]
    derivatives: Callable[[Any, Array, tuple[Index, ...]], dict[str, Array]]
    parameters: Callable[[Any], dict[str, Array]] = lambda fields: {}
    residuals: Callable[[Any, Array], dict[str, Array]] | None = None
    fluxes: Callable[[Any, Array], dict[str, Array]] | None = None
    notes: tuple[str, ...] = ()
    precision: str = "float64"
    plain: Callable[[Any], Any] = lambda fields: fields
    redraw: str = "rad"
    redraw_every: int = 500
    rules: tuple[AbstractRule, ...] = ()
    refinement: AbstractRefinement | None = None
    tolerance: float = 0.0
    time_limit: float | None = None
    division: Division | None = None

    @cached_property
    def least_squares(self) -> LeastSquares:
        """The problem that training solves, posed when first asked for."""
        return self.pose()


class GradientTest(Protocol):
    """A test of one gradient; as text it says which, and how it came out."""

    @property
    def passed(self) -> bool:
        """Whether the gradient is that of what is computed."""
        ...


class Solver(abc.ABC):
    """Metadata that every solver has; subclass ``TrainedSolver`` or ``DirectSolver``."""

    name: ClassVar[str]
    summary: ClassVar[str]
    references: ClassVar[tuple[str, ...]]
    requires: ClassVar[tuple[Requirement, ...]] = ()
    options: ClassVar[type[Options]] = Options
    minimises: ClassVar[bool] = False
    """Whether it chooses controls for an objective."""

    @classmethod
    def unmet(cls, problem: Problem) -> list[str]:
        """The requirements that a problem does not meet, in words."""
        found = [requirement.text for requirement in cls.requires if not requirement.holds(problem)]
        return found + (["no objective"] if problem.objective is not None and not cls.minimises else [])

    def admit(self, problem: Problem, options: Any) -> None:  # noqa: B027
        """Raise ``DeclarationError`` for options that do not fit the problem, before any work."""

    def gradient_tests(self, problem: Problem, options: Any) -> tuple[GradientTest, ...]:
        """A Taylor test of every gradient that a run relies on; none where it relies on none of its own."""
        return ()


class TrainedSolver(Solver):
    """A solver that states a least-squares problem and leaves its solution to the training loop."""

    @abc.abstractmethod
    def build(self, problem: Problem, options: Any, seed: int, upon: Upon | None = None) -> Formulation:
        """The fields, initialised from the seed, the residual blocks to be made small, and the schedule.

        With ``upon`` the unknowns are built upon others: a later slab of time, a correction.
        """

    def formulate(self, scaling: Scaling, options: Any, seed: int) -> Formulation:
        """What the solver makes of a problem in units of order one, brought back to those declared."""
        made = self.build(scaling.problem, options, seed)
        return made if scaling.identity else _brought_back(made, scaling)


def _brought_back(made: Formulation, scaling: Scaling) -> Formulation:
    """The formulation of a scaled problem with its functions in the units of the declaration."""
    inner, fluxes = made.residuals, made.fluxes
    return replace(
        made,
        evaluate=lambda fields, x: scaling.values(made.evaluate(fields, x)),
        derivatives=lambda fields, x, indices: scaling.derivatives(
            made.derivatives(fields, x, indices), indices
        ),
        parameters=lambda fields: scaling.parameters(made.parameters(fields)),
        residuals=inner and (lambda fields, x: scaling.residuals(inner(fields, x))),
        fluxes=fluxes and (lambda fields, x: scaling.residuals(fluxes(fields, x))),
        notes=(*scaling.notes, *made.notes),
    )


class DirectSolver(Solver):
    """A solver that needs no training loop."""

    @abc.abstractmethod
    def run(self, problem: Problem, options: Any, seed: int) -> Solution:
        """The solution."""

    @abc.abstractmethod
    def arrays(self, solution: Solution) -> dict[str, np.ndarray]:
        """What is kept of a solution of this solver."""

    @abc.abstractmethod
    def restore(self, problem: Problem, options: Any, arrays: Mapping[str, np.ndarray]) -> Field:
        """The solution's field from what was kept, exactly; with ``derivatives`` where it can give them."""
