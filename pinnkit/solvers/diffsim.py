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
    from ..simulate.steady import SteadyOptions
    from ..solution import Field, Solution


class DiffsimOptions(Options):
    """Options of the simulator."""

    backend: Literal[
        "auto", "finite_difference", "finite_volume", "spectral", "projection", "finite_element"
    ] = "auto"
    """How space is treated; auto chooses by the equations, and the report says why."""
    order: Literal[2, 4, 6] = 6
    """Order of finite differences."""
    degree: Literal[1, 2, 3] = 3
    """Degree of finite elements; pressures take one less."""
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
    start: str | None = None
    """The solution.nc of another run, as of pinn, whose inferred parameters and fields a fit begins with."""


def _simulable(problem: Problem) -> bool:
    from ..forms import FormUnavailable, evolution_form
    from ..forms.elliptic import elliptic_form
    from ..forms.incompressible import incompressible_form

    for form in (elliptic_form,) if problem.time is None else (evolution_form, incompressible_form):
        try:
            form(problem)
        except FormUnavailable:
            continue
        return True
    return False


def _on_box(problem: Problem) -> bool:
    from ..geometry.boxes import Box, Interval, Rectangle

    return problem.time is None or isinstance(problem.domain, (Box, Interval, Rectangle))


def _asked(options: DiffsimOptions) -> ForwardOptions:
    from ..simulate.forward import ForwardOptions

    return ForwardOptions(
        backend=None if options.backend == "auto" else options.backend,
        order=options.order, points=options.cells, scheme=options.scheme,
        tolerance=options.accuracy, work=options.work,
    )  # fmt: skip


def _steadily(options: DiffsimOptions) -> SteadyOptions:
    from ..simulate.steady import SteadyOptions

    if options.backend not in ("auto", "finite_element"):
        raise SolverFailed(
            f"back-end {options.backend} simulates in time, and the problem is steady; take finite_element"
        )
    return SteadyOptions(options.degree, options.cells, options.accuracy)


class Diffsim(DirectSolver):
    """∂ₜU = rate(t, U), or R(U) = 0, from the evolution or weak form; what is inferred, by least squares."""

    name = "diffsim"
    summary = "differentiable simulation: finite differences, volumes or elements, or spectral"
    references = (
        "Cox & Matthews, J. Comput. Phys. 176 (2002)",
        "van Leer, J. Comput. Phys. 32 (1979)",
        "Harlow & Welch, Phys. Fluids 8 (1965)",
        "Taylor & Hood, Comput. Fluids 1 (1973)",
        "Kidger, On Neural Differential Equations, PhD thesis, Oxford (2021)",
    )
    requires = (
        Requirement("evolution equations, an incompressible flow, or steady elliptic equations", _simulable),
        Requirement("an interval, rectangle or box, where there is time", _on_box),
    )
    options = DiffsimOptions
    minimises = True

    def run(self, problem: Problem, options: DiffsimOptions, seed: int) -> Solution:
        """Simulate, with what is to be inferred found from the observations, or for the objective, first.

        Raises ``SolverFailed`` for what the back-end refuses, or where it blows up.
        """
        from ..forms import FormUnavailable
        from ..simulate import inverse, steady
        from ..simulate.beginning import read_beginning
        from ..simulate.controlled import solve_control
        from ..simulate.forward import BlowUp
        from ..simulate.model import InverseOptions
        from ..solution import Record, Solution, package_versions

        begun = None if options.start is None else read_beginning(options.start, problem)
        intervals = InverseOptions(options.intervals, start=begun)
        try:
            if problem.time is None:
                found = steady.solve(problem, _steadily(options), intervals)
            elif problem.objective is not None:
                found = solve_control(problem, _asked(options), options.intervals)
            else:
                found = inverse.solve(problem, _asked(options), intervals)
        except (BlowUp, FormUnavailable) as fault:
            raise SolverFailed(str(fault)) from fault
        record = Record(
            solver=self.name, options=options.model_dump(mode="json"), seed=seed,
            versions=package_versions(), notes=found.notes,
            parameters=found.parameters,
        )  # fmt: skip
        return Solution(problem, found.field, record)

    def gradient_tests(self, problem: Problem, options: DiffsimOptions) -> tuple[GradientTest, ...]:
        """By every parameter, inferred field and the initial state or load, in both modes of differentiation.

        Raises ``SolverFailed`` where the simulation blows up.
        """
        from ..simulate import gradients, steady_gradients
        from ..simulate.forward import BlowUp

        try:
            if problem.time is None:
                return steady_gradients.check_gradients(problem, _steadily(options))
            return gradients.check_gradients(problem, _asked(options))
        except BlowUp as fault:
            raise SolverFailed(str(fault)) from fault

    def arrays(self, solution: Solution) -> dict[str, np.ndarray]:
        """Knots, degrees and coefficients of splines; meshes and nodal values of elements."""
        return solution.field.arrays()

    def restore(self, problem: Problem, options: DiffsimOptions, arrays: Mapping[str, np.ndarray]) -> Field:
        """The splines and elements."""
        from ..simulate.trajectory import SplineFields

        names = [[f.func.__name__ for f in problem.solved], *([f.func.__name__] for f in problem.inferred)]
        return SplineFields.from_arrays(names, arrays)
