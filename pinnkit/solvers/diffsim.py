"""Differentiable simulation: grids and time steps generated from the declaration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from pydantic import PositiveFloat, PositiveInt

from ._base import DirectSolver, GradientTest, Options, Requirement, SolverFailed

if TYPE_CHECKING:
    import numpy as np

    from ..declare import Problem
    from ..simulate.forward import ForwardOptions
    from ..solution import Field, Solution


class DiffsimOptions(Options):
    """Options of the simulator."""

    backend: Literal["auto", "finite_difference", "finite_volume", "spectral"] = "auto"
    """How space is treated; auto chooses by the equations, and the report says why."""
    order: Literal[2, 4, 6] = 6
    """Order of finite differences."""
    cells: PositiveInt | None = None
    """Cells along the longest side; none, refined until the tolerance is met."""
    scheme: Literal["auto", "explicit", "imex", "implicit"] = "auto"
    """Time integration; auto is explicit where its stability allows steps of sensible size."""
    accuracy: PositiveFloat = 1e-6
    """Relative error aimed at, by the difference of two resolutions."""
    work: PositiveFloat = 4e9
    """Most evaluations times cells that one resolution may take."""
    intervals: PositiveInt = 8
    """Intervals of the cubic splines along each side of a field to be inferred, in time too of a control."""


def _evolves(problem: Problem) -> bool:
    from ..forms import FormUnavailable, evolution_form

    try:
        evolution_form(problem)
    except FormUnavailable:
        return False
    return True


def _on_box(problem: Problem) -> bool:
    from ..geometry.boxes import Box, Interval, Rectangle

    return isinstance(problem.domain, (Box, Interval, Rectangle))


def _asked(options: DiffsimOptions) -> ForwardOptions:
    from ..simulate.forward import ForwardOptions

    return ForwardOptions(
        backend=None if options.backend == "auto" else options.backend,
        order=options.order, points=options.cells, scheme=options.scheme,
        tolerance=options.accuracy, work=options.work,
    )  # fmt: skip


class Diffsim(DirectSolver):
    """∂ₜU = rate(t, U), generated from the evolution form; what is inferred, by least squares through it."""

    name = "diffsim"
    summary = "simulation on grids: finite differences, finite volumes or spectral, with gradients"
    references = (
        "Cox & Matthews, J. Comput. Phys. 176 (2002)",
        "van Leer, J. Comput. Phys. 32 (1979)",
        "Kidger, On Neural Differential Equations, PhD thesis, Oxford (2021)",
    )
    requires = (
        Requirement("equations that can be solved for time derivatives", _evolves),
        Requirement("an interval, rectangle or box", _on_box),
    )
    options = DiffsimOptions
    minimises = True

    def run(self, problem: Problem, options: DiffsimOptions, seed: int) -> Solution:
        """Simulate, with what is to be inferred found from the observations, or for the objective, first.

        Raises ``SolverFailed`` for what the back-end refuses, or where it blows up.
        """
        from ..forms import FormUnavailable
        from ..simulate.controlled import solve_control
        from ..simulate.forward import BlowUp
        from ..simulate.inverse import InverseOptions, solve
        from ..solution import Record, Solution, package_versions

        try:
            if problem.objective is not None:
                found = solve_control(problem, _asked(options), options.intervals)
            else:
                found = solve(problem, _asked(options), InverseOptions(options.intervals))
        except (BlowUp, FormUnavailable) as fault:
            raise SolverFailed(str(fault)) from fault
        record = Record(
            solver=self.name, options=options.model_dump(mode="json"), seed=seed,
            versions=package_versions(), notes=found.notes,
            parameters=found.parameters,
        )  # fmt: skip
        return Solution(problem, found.field, record)

    def gradient_tests(self, problem: Problem, options: DiffsimOptions) -> tuple[GradientTest, ...]:
        """By every parameter, inferred field and the initial state, in both modes of differentiation.

        Raises ``SolverFailed`` where the simulation blows up.
        """
        from ..simulate.forward import BlowUp
        from ..simulate.gradients import check_gradients

        try:
            return check_gradients(problem, _asked(options))
        except BlowUp as fault:
            raise SolverFailed(str(fault)) from fault

    def arrays(self, solution: Solution) -> dict[str, np.ndarray]:
        """Knots, degrees and coefficients of the splines."""
        return solution.field.arrays()

    def restore(self, problem: Problem, options: DiffsimOptions, arrays: Mapping[str, np.ndarray]) -> Field:
        """The splines."""
        from ..simulate.trajectory import SplineFields

        names = [[f.func.__name__ for f in problem.solved], *([f.func.__name__] for f in problem.inferred)]
        return SplineFields.from_arrays(names, arrays)
