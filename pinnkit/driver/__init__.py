"""From a declaration to a judged solution; owns the numerical settings, the run's files and ``load``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .alone import ReferenceOutcome, make_reference
from .certificates import certificate_of, certify
from .comparison import race
from .errors import Interrupted, ProcessLost, TrainingFailed
from .references import reference_of
from .run import Outcome, describe, gradient_tests, run, show_form
from .settings import ValidateSettings, parse_assignment
from .store import load, read_resolved

if TYPE_CHECKING:
    from ..declare import Problem
    from ..solution import Solution
    from ..validation import Comparison
    from .progress import Display

__all__ = [
    "Interrupted", "Outcome", "ProcessLost", "ReferenceOutcome", "TrainingFailed", "certificate_of",
    "certify", "describe", "gradient_tests", "judge", "load", "make_reference", "parse_assignment", "race",
    "run", "show_form", "solve", "validate",
]  # fmt: skip


def solve(
    problem: Problem | str | Path,
    solver: str | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
    **options: Any,
) -> Solution:
    """Solve a declared problem or a problem file.

    ``solver`` is ``pinn`` and ``seed`` 0 where neither is given here or in the file; ``options`` are the
    solver's (``pinnkit solvers pinn`` lists them), such as ``network={"width": 40}``. With ``out`` the run
    is judged against its reference and written there, with a report; a run that was stopped goes on with
    ``resume=True``.

    Raises ``DeclarationError`` for bad input, ``TrainingFailed`` on NaN or stagnation.
    """
    given = {"name": solver, "seed": seed}
    overrides = [(("solver", key), value) for key, value in given.items() if value is not None]
    overrides += [(("solver", key), value) for key, value in options.items()]
    return run(problem, overrides=overrides, out=out, resume=resume, progress=progress).solution


def validate(
    solution: Solution, against: str | Path = "fem", tolerance: float = ValidateSettings().tolerance
) -> Comparison:
    """Judge a solution against finite elements (``fem``), its exact solution (``exact``) or a data file.

    Prints as a table with the verdict in words; ``passed`` says whether every unknown is within the
    tolerance (relative L2). Raises ``DeclarationError`` where the reference does not fit the problem.
    """
    from ..validation import compare

    return compare(solution, reference_of(solution.problem, against, tolerance), tolerance)


def judge(
    directory: str | Path,
    against: str | Path | None = None,
    solution: Solution | None = None,
    shown: Display | None = None,
) -> Comparison:
    """Judge the run in a directory once more, with its own tolerance; by its own reference unless told.

    ``solution`` is the run's where it is loaded already; ``shown`` hears how far the reference is.
    """
    from ..solution import RunDirectory
    from ..validation import compare

    problem, settings = read_resolved(RunDirectory(directory, create=False))
    tolerance = settings.validate.tolerance
    reference = reference_of(problem, against, tolerance, settings.sections, shown)
    return compare(solution or load(directory), reference, tolerance)
