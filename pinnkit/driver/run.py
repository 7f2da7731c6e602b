"""One run: read → build → reference → train → solution → verdict → report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..declare.errors import DeclarationError
from ..solution import Field, Record, RunDirectory, Solution
from ..solvers import DirectSolver, Formulation, GradientTest, SolverFailed, TrainedSolver, fitting
from . import store
from .certificates import certificate_of
from .devices import Team, is_loss, team_of
from .errors import Interrupted, ProcessLost, TrainingFailed
from .interrupts import interrupts
from .monitor import HeldPoints, Monitor
from .numerics import Clock, numerics, training_in
from .progress import Display, display
from .references import plan_reference
from .settings import Assignment, Sections, Settings, read_settings

if TYPE_CHECKING:
    from ..declare import Problem
    from ..reference import Reference
    from ..validation import Comparison
    from ..validation.certificate import Certificate, Uncertified


@dataclass(frozen=True)
class Outcome:
    """A solution with its verdict, None where it was not judged, and the folder it lies in, if any.

    ``certificate`` is None where the settings ask for none.
    """

    solution: Solution
    comparison: Comparison | None = None
    directory: Path | None = None
    certificate: Certificate | Uncertified | None = None

    @property
    def passed(self) -> bool:
        """Whether the solution was judged and found within the tolerance."""
        return self.comparison is not None and self.comparison.passed

    def summary(self) -> str:
        """The verdict, the time taken and where everything lies."""
        record = self.solution.record
        lines = [str(found) for found in (self.comparison, self.certificate) if found is not None]
        if self.comparison is None and record.floor:
            lines.append(record.floor)
        lines.append(
            f"{record.solver}: {record.timing['wall']:.1f} s, of which {record.timing['compile']:.1f} s "
            f"compiling; reference: {record.timing['reference']:.1f} s"
        )
        if self.directory is not None:
            lines.append(f"report: {self.directory / 'report.html'}")
        return "\n".join(lines)


def run(
    declaration: Problem | str | Path,
    *,
    overrides: Iterable[Assignment] = (),
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Outcome:
    """Solve a declared problem or a problem file; with a run directory ``out``, judge it and write a report.

    ``overrides`` replace settings of the file. Without ``out`` nothing is written, no reference is made.
    Of several processes (``numerics.distributed``) one writes and judges, the others have but the solution.
    Raises ``DeclarationError`` for bad input, before anything is written; ``TrainingFailed``;
    ``Interrupted`` on Ctrl-C, after saving.
    """
    problem, sections = read_declaration(declaration)
    settings = read_settings(sections.override(overrides))
    require(settings, problem)
    tolerance = settings.validate.tolerance
    team = _team(settings)
    plan = plan_reference(problem, settings.sections, tolerance) if out is not None and team.leads else None
    shows = display(progress and team.leads)
    with shows as shown, numerics() as clock, interrupts() as heed, ExitStack() as stack:
        try:
            formulation, settings = formulated(problem, settings)
            started = clock.wall
            reference = plan(shown) if plan is not None else None
            clock.reference = clock.wall - started
            for note in settings.sections.notes:
                shown.step(note)
            directory = None
            if out is not None and team.leads:
                directory = stack.enter_context(store.claimed(Path(out), problem, settings, resume))
            elif out is not None and resume:
                directory = RunDirectory(out, create=False)
            attempt = _Attempt(problem, settings, directory, reference, clock, shown, heed, team)
            solution, residual = attempt.solve(formulation, resume)
        except KeyboardInterrupt as stopped:
            if isinstance(stopped, Interrupted):
                raise
            raise Interrupted(0, None if out is None else Path(out)) from None
        comparison = certificate = None
        if directory is not None and reference is not None:
            shown.step("comparing with the reference and writing the report")
            comparison = store.write_outcome(directory, solution, reference, tolerance, residual)
            if settings.validate.certificate:
                certificate = certificate_of(directory.path, solution, shown)
    written = directory.path if directory is not None and team.leads else None
    return Outcome(solution, comparison, written, certificate)


def read_declaration(declaration: Problem | str | Path) -> tuple[Problem, Sections]:
    """A declared problem, or a problem file with its settings."""
    if not isinstance(declaration, (str, Path)):
        return declaration, Sections({})
    from ..declare import read

    found = read(declaration)
    return found.problem, Sections.of(found.settings)


def require(settings: Settings, problem: Problem) -> None:
    """Raise ``DeclarationError`` where the problem lacks what the solver needs, naming solvers that fit, and
    for options that do not fit the problem.
    """
    unmet = settings.solver.unmet(problem)
    if unmet:
        others = fitting(problem)
        raise DeclarationError(
            f"solver {settings.solver.name!r} does not fit the problem {problem.name!r}",
            expected=" and ".join(unmet),
            mend=f"take one that fits: {', '.join(others)}" if others else "no registered solver fits",
            place=settings.sections.place(("solver", "name")),
        )
    try:
        settings.solver.admit(problem, settings.options)
    except DeclarationError as fault:
        raise fault.at(settings.sections.place(("solver", fault.section))) from None


def _team(settings: Settings) -> Team:
    """The devices asked for; complaints have their line, one about solvers that train nothing too."""
    place = settings.sections.place
    numerics = settings.numerics
    if numerics != type(numerics)() and not isinstance(settings.solver, TrainedSolver):
        raise DeclarationError(
            f"numerics: solver {settings.solver.name!r} runs in one process on one device",
            expected="a solver that is trained by pinnkit", mend="remove `numerics`",
            place=place(("numerics",)),
        )  # fmt: skip
    try:
        return team_of(numerics)
    except DeclarationError as fault:
        raise fault.at(place(("numerics", fault.section))) from None


def formulated(problem: Problem, settings: Settings) -> tuple[Formulation | None, Settings]:
    """What a trained solver makes of the problem, and the settings with the scales that were found for it.

    Done before anything is written, since it may refuse.
    """
    from ..forms.scale import scale

    try:
        if not isinstance(settings.solver, TrainedSolver):
            _refuse_scales(settings)
            return None, settings
        scaling = scale(problem, settings.scales)
        formulation = settings.solver.formulate(scaling, settings.options, settings.seed)
        _ = formulation.least_squares  # observations are read here: bad ones should not come to light later
        return formulation, replace(settings, scales=scaling.setting())
    except DeclarationError as fault:
        raise fault.at(settings.sections.place(("solver", fault.section))) from None


def _refuse_scales(settings: Settings) -> None:
    if not isinstance(settings.scales, str):
        raise DeclarationError(
            f"scales: solver {settings.solver.name!r} takes the problem as it is declared", section="scales",
            expected="a solver that is trained by pinnkit", mend="remove `scales`",
        )  # fmt: skip


@dataclass(frozen=True)
class _Attempt:
    """What solving needs to know of its run."""

    problem: Problem
    settings: Settings
    directory: RunDirectory | None
    reference: Reference | None
    clock: Clock
    display: Display
    heed: Callable[[], None]
    team: Team

    def solve(self, formulation: Formulation | None, resume: bool) -> tuple[Solution, Field | None]:
        """The solution, kept in the run directory, and the residual of every equation where it is known."""
        if formulation is not None:
            return self._train(formulation, resume)
        assert isinstance(self.settings.solver, DirectSolver)
        try:
            solution = self.settings.solver.run(self.problem, self.settings.options, self.settings.seed)
        except SolverFailed as fault:
            raise TrainingFailed(f"{self.problem.name}: {fault}") from fault
        timing = {**self._timing(), **solution.record.timing}
        solution = replace(solution, record=replace(solution.record, timing=timing))
        notes = (*self._notes, *solution.record.notes)
        solution = replace(solution, record=replace(solution.record, notes=notes))
        if self.directory is not None:
            store.save(self.directory, self.settings.solver.arrays(solution), {}, solution.record)
        return solution, None

    @property
    def _notes(self) -> tuple[str, ...]:
        """What is to be said of the settings and of the domain."""
        return (*self.settings.sections.notes, *self.problem.domain.notes)

    def _timing(self, earlier: float = 0.0) -> dict[str, float]:
        """Seconds of the whole run but its reference, those of ``earlier`` sessions included."""
        return {
            "wall": self.clock.wall - self.clock.reference + earlier,
            "compile": self.clock.compile,
            "reference": self.clock.reference,
        }

    def _train(self, formulation: Formulation, resume: bool) -> tuple[Solution, Field | None]:
        from ..training.loop import Callbacks, TrainingInterrupted, train
        from ..training.rounding import at_floor

        evaluate = store.TrainedField(formulation.evaluate)
        held = HeldPoints(self.problem, self.reference) if self.reference is not None else None
        log = self.directory if self.team.leads else None
        monitor = Monitor(evaluate, held, self.display, log, self.heed)
        keeper = store.Keeper(self.directory, writes=self.team.leads)
        checkpoint = keeper.take_up() if resume else None
        if checkpoint is not None:
            monitor.take_up(keeper.iterations)
            self.display.step(f"going on after {keeper.iterations} iterations")
        for note in (*self.problem.domain.notes, *formulation.notes):
            self.display.step(note)
        self.display.working("compiling", 0.0)
        try:
            posed = formulation.least_squares  # in float64, whatever it is then rounded to
            with training_in(formulation.precision):
                result = train(
                    posed, formulation.schedule, seed=self.settings.seed,
                    redraw=formulation.redraw, redraw_every=formulation.redraw_every,
                    rules=formulation.rules, refinement=formulation.refinement,
                    tolerance=formulation.tolerance, time_limit=formulation.time_limit,
                    callbacks=Callbacks(progress=monitor, save=keeper), resume=checkpoint,
                    mesh=self.team.mesh,
                )  # fmt: skip
        except TrainingInterrupted:
            raise Interrupted(keeper.iterations, self.directory and self.directory.path) from None
        except (RuntimeError, ValueError) as fault:
            if not is_loss(fault):
                raise
            folder = self.directory and self.directory.path
            raise ProcessLost(self.problem.name, keeper.iterations, folder, str(fault)) from fault
        record = Record(
            solver=self.settings.solver.name,
            options=self.settings.options.model_dump(mode="json"),
            seed=self.settings.seed,
            history=monitor.history(result.history, [stage.optimiser.name for stage in formulation.schedule]),
            timing=self._timing(keeper.earlier_seconds),
            parameters={name: float(value) for name, value in formulation.parameters(result.fields).items()},
            parameter_count=int(formulation.least_squares.theta.size),
            notes=(
                *self._notes, *formulation.notes, *result.notes,
                f"training ended: {result.message}",
            ),
            status="failed" if result.failed else "finished",
            precision=formulation.precision,
            cells=result.refinement,
            floor="" if result.failed else at_floor(
                posed, result.fields, formulation.plain(result.fields), formulation.precision,
                float(result.history["loss"][0]) if result.iterations else 0.0,
            ),
        )  # fmt: skip
        keeper.finish(record)
        if result.failed:
            kept = f"\n  the last good state is kept in {self.directory.path}" if self.directory else ""
            raise TrainingFailed(f"{self.problem.name}: training failed: {result.message}{kept}")
        solution = Solution(self.problem, store.SolvedField(formulation, result.fields, evaluate), record)
        residuals = store.TrainedField(formulation.residuals) if formulation.residuals is not None else None
        return solution, residuals and residuals.bind(result.fields)


def describe(declaration: Problem | str | Path, overrides: Iterable[Assignment] = ()) -> str:
    """What a problem file says, checked and in words: unknowns, class, conditions, solvers that fit."""
    from ..forms import classify

    problem, sections = read_declaration(declaration)
    settings = read_settings(sections.override(overrides))
    require(settings, problem)
    plan_reference(problem, settings.sections, settings.validate.tolerance)
    with numerics():
        formulation, _ = formulated(problem, settings)
    kind = classify(problem)
    kinds = f"{kind.linearity}, order {kind.order}, {kind.type}, {'steady' if kind.steady else 'transient'}"
    lines: list[tuple[str, str]] = [
        ("problem", problem.name),
        ("unknowns", ", ".join(str(u) for u in problem.unknowns)),
        ("equations", str(len(problem.equations))),
        ("class", kinds),
        ("boundaries", ", ".join(problem.domain.boundary_names)),
        ("conditions", str(len(problem.conditions))),
        *(("quantity", f"{q.name}: {q.words}") for q in problem.quantities),
        ("solver", f"{settings.solver.name} (fitting: {', '.join(fitting(problem))})"),
    ]
    notes = formulation.notes if formulation is not None else ()
    lines += [("note", note) for note in (*problem.domain.notes, *notes)]
    return "\n".join([*(f"{name:<11}{text}" for name, text in lines), "", "The problem is sound."])


def gradient_tests(
    declaration: Problem | str | Path, overrides: Iterable[Assignment] = ()
) -> tuple[GradientTest, ...]:
    """Taylor tests of the gradients that a run of the problem would rely on; each prints as a sentence.

    Raises ``DeclarationError`` for a solver that relies on none of its own, ``TrainingFailed``.
    """
    problem, sections = read_declaration(declaration)
    settings = read_settings(sections.override(overrides))
    require(settings, problem)
    with numerics():
        try:
            found = settings.solver.gradient_tests(problem, settings.options)
        except SolverFailed as fault:
            raise TrainingFailed(str(fault)) from fault
    if not found:
        raise DeclarationError(
            f"solver {settings.solver.name!r} has no gradients of its own to test",
            expected="a solver that differentiates a simulation", mend="--set solver.name=diffsim",
            place=settings.sections.place(("solver", "name")),
        )  # fmt: skip
    return found


def show_form(declaration: Problem | str | Path, form: str) -> str:
    """A form of a problem's equations in text and LaTeX: strong, flux, weak, class or scaled."""
    from ..forms import show

    problem, sections = read_declaration(declaration)
    if form != "scaled":
        return show(problem, form)
    settings = read_settings(sections)
    try:
        return show(problem, form, scales=settings.scales)
    except DeclarationError as fault:
        raise fault.at(settings.sections.place(("solver", fault.section))) from None
