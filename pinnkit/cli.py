"""The command line: arguments in, exit code out. Everything else is the driver's, loaded when needed."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from . import __version__

MISSED, BAD_INPUT, FAILED, DEFECT, INTERRUPTED = 1, 2, 3, 70, 130

app = typer.Typer(
    name="pinnkit",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Form(StrEnum):
    """What ``show`` prints."""

    strong = "strong"
    flux = "flux"
    weak = "weak"
    classification = "class"
    scaled = "scaled"


File = Annotated[Path, typer.Argument(metavar="PROBLEM.yaml", help="The problem file.", show_default=False)]
Directory = Annotated[
    Path, typer.Argument(metavar="DIR", help="A directory that `solve` wrote.", show_default=False)
]
Assignments = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override one setting of the file; may be repeated."),
]


@contextmanager
def _foreseen() -> Iterator[None]:
    """Turn a failure that is not a defect of ours into one text on stderr and its exit code."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        _fail(str(stopped) or "interrupted", INTERRUPTED)
    except typer.Exit:
        raise
    except Exception as failure:
        code = _exit_code(failure)
        if code is None:
            raise
        _fail(str(failure), code)


def _fail(text: str, code: int) -> NoReturn:
    typer.echo(f"pinnkit: {text}", err=True)
    raise typer.Exit(code) from None


def _exit_code(failure: Exception) -> int | None:
    from .declare import DeclarationError
    from .driver import TrainingFailed
    from .forms import FormUnavailable
    from .reference import ReferenceUnavailable
    from .solution import RunDirectoryError, StorageError

    if isinstance(failure, (TrainingFailed, StorageError)):
        return FAILED
    if isinstance(failure, (DeclarationError, FormUnavailable, ReferenceUnavailable, RunDirectoryError)):
        return BAD_INPUT
    return None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(text: str) -> list[int]:
    parts = _listed(text)
    if not parts or not all(part.isdecimal() for part in parts):
        raise typer.BadParameter(f"{text!r} is no list of seeds; write, for instance, 0,1,2")
    return [int(part) for part in parts]


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"pinnkit {__version__}")
        raise typer.Exit


@app.callback()
def _pinnkit(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Declare a PDE once; solve it with physics-informed networks; have it judged by finite elements.

    \b
    A first session:
      pinnkit check problems/burgers.yaml       is the file sound? what kind of problem is it?
      pinnkit solve problems/burgers.yaml       solve, judge, and write runs/burgers/report.html
      pinnkit solvers                           which methods there are

    \b
    Exit codes: 0 solved within tolerance, 1 tolerance missed, 2 bad input (file:line),
    3 training failed, 130 interrupted (go on with --resume).
    """


@app.command()
@_foreseen()
def solve(
    problem: File,
    solver: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="One of `pinnkit solvers`; another than the file's takes its own defaults, not the file's "
            "options. [default: the file's, or pinn]",
        ),
    ] = None,
    assignments: Assignments = [],  # noqa: B006
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Seed that determines the run. [default: the file's, or 0]"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write. [default: runs/PROBLEM]")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where an interrupted run stopped.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict only.")] = False,
) -> None:
    """Solve a problem, judge the solution against its reference, and write a report.

    The run directory receives report.html, metrics.json, solution.nc, solution.vtu, reference.nc,
    problem.resolved.yaml, log.jsonl and checkpoint/. Ctrl-C saves, and says how to go on.

    \b
    Examples:
      pinnkit solve problems/burgers.yaml
      pinnkit solve problems/burgers.yaml --seed 1 --out runs/burgers-1
      pinnkit solve problems/burgers.yaml --solver pinn --set solver.network.width=40
      pinnkit solve problems/burgers.yaml --solver pinn --out runs/burgers --resume
    """
    from .driver import parse_assignment, run

    overrides = [parse_assignment(text) for text in assignments]
    if solver is not None:
        overrides.append((("solver", "name"), solver))
    if seed is not None:
        overrides.append((("solver", "seed"), seed))
    out = out or Path("runs") / problem.stem
    outcome = run(problem, overrides=overrides, out=out, resume=resume, progress=not quiet)
    if outcome.directory is None:  # one of several processes, of which another judges
        raise typer.Exit
    typer.echo(outcome.summary())
    raise typer.Exit(0 if outcome.passed else MISSED)


@app.command()
@_foreseen()
def validate(
    directory: Directory,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="fem|exact|FILE",
            help="Finite elements, the exact solution, or a data file. [default: the run's own reference]",
        ),
    ] = None,
) -> None:
    """Judge a run once more, against a reference of your choice, and bound its error without any.

    The bounds hold the energy norm of the error; they are for steady, linear problems with a symmetric and
    coercive weak form, and are put into metrics.json and report.html. Nothing else is changed. With
    "validate: {certificate: false}" in the problem file they are left out.

    \b
    Examples:
      pinnkit validate runs/burgers
      pinnkit validate runs/burgers --against fem
      pinnkit validate runs/burgers --against measured.csv
    """
    from .driver import certificate_of, judge, load
    from .driver.progress import display

    solution = load(directory)
    with display(True) as shown:
        comparison = judge(directory, against, solution, shown)
    typer.echo(str(comparison))
    with display(True) as shown:
        certificate = certificate_of(directory, solution, shown)
    if certificate is not None:
        typer.echo(str(certificate))
    raise typer.Exit(0 if comparison.passed else MISSED)


@app.command()
@_foreseen()
def reference(
    problem: File,
    assignments: Assignments = [],  # noqa: B006
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write reference.nc there. [default: write nothing]")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the outcome only.")] = False,
) -> None:
    """Make the reference alone, by finite elements unless the file says otherwise.

    Prints its own error for every unknown, the quantities of interest with their error bars, and how it came
    about. `solve` takes it from the cache afterwards.

    \b
    Examples:
      pinnkit reference problems/cylinder.yaml
      pinnkit reference problems/cylinder.yaml --set reference.fem.budget_seconds=300 --out runs/cylinder
    """
    from .driver import make_reference, parse_assignment

    overrides = [parse_assignment(text) for text in assignments]
    outcome = make_reference(problem, overrides=overrides, out=out, progress=not quiet)
    typer.echo(outcome.summary())


@app.command()
@_foreseen()
def compare(
    problem: File,
    solvers: Annotated[
        str,
        typer.Option(metavar="NAMES", help="Solvers, parted by commas. [default: the section compare]"),
    ] = "",
    seeds: Annotated[str, typer.Option(metavar="NUMBERS", help="Seeds, parted by commas.")] = "0,1,2",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where to write. [default: runs/PROBLEM-compared]")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the table only.")] = False,
) -> None:
    """Run several solvers and settings on one problem; one table and figure of error over wall time.

    Every run is a fresh process with nothing compiled, and compilation counts. Finite elements stand beside
    them at several tolerances. DIR receives comparison.html, .md and .json, and every run's own directory.

    \b
    Variants stand in the file:
      compare: [pinn, {name: pinn, label: wide, network: {width: 60}}, rfm]

    \b
    Examples:
      pinnkit compare problems/wave.yaml --solvers pinn,rfm
      pinnkit compare problems/kovasznay.yaml --solvers pinn,rfm --seeds 0
    """
    from .driver import race
    from .report.race import race_markdown

    out = out or Path("runs") / f"{problem.stem}-compared"
    found = race(problem, _listed(solvers), _numbers(seeds), out, progress=not quiet)
    typer.echo(race_markdown(found))
    typer.echo(f"figure: {out / 'comparison.html'}")
    raise typer.Exit(FAILED if any(run.failure for run in found.runs) else 0)


@app.command()
@_foreseen()
def check(
    problem: File,
    assignments: Assignments = [],  # noqa: B006
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Also test the gradients that a run relies on (Taylor tests).")
    ] = False,
) -> None:
    """Read a problem file without solving it: is it sound, what kind of problem is it, which solvers fit?

    \b
    Examples:
      pinnkit check problems/burgers.yaml
      pinnkit check problems/heat.yaml --gradients
    """
    from .driver import describe, gradient_tests, parse_assignment

    overrides = [parse_assignment(text) for text in assignments]
    typer.echo(describe(problem, overrides))
    if gradients:
        tests = gradient_tests(problem, overrides)
        typer.echo("\n".join(map(str, tests)))
        raise typer.Exit(0 if all(test.passed for test in tests) else MISSED)


@app.command()
@_foreseen()
def show(
    problem: File,
    form: Annotated[Form, typer.Option(help="Which form of the equations.")] = Form.strong,
) -> None:
    """Print a form derived from the declaration, readably and as LaTeX.

    strong: the residual that collocation makes small; flux: F and S of R = div F + S; weak: what finite
    elements assemble; class: order, type, linearity; scaled: the strong form in the units of order one that
    trained solvers work in.

    \b
    Examples:
      pinnkit show problems/burgers.yaml --form flux
      pinnkit show problems/burgers.yaml --form weak
    """
    from .driver import show_form

    typer.echo(show_form(problem, form.value))


@app.command()
@_foreseen()
def solvers(
    name: Annotated[
        str | None, typer.Argument(help="One solver, to see its options.", show_default=False)
    ] = None,
) -> None:
    """List the solvers, or the options of one.

    \b
    Examples:
      pinnkit solvers
      pinnkit solvers pinn
    """
    from .solvers import listing

    typer.echo(listing(name))


def main() -> NoReturn:
    """Run the command line; what is not foreseen keeps its traceback and a code of its own."""
    code: int | str | None = 0
    try:
        app()
    except SystemExit as ended:
        code = ended.code
    except Exception:
        traceback.print_exc()
        code = DEFECT
    if code not in (None, 0, MISSED):
        _leave_others(code)
    sys.exit(code)


def _leave_others(code: int | str | None) -> None:
    """End at once where other processes share the run: an orderly end would wait for them, as they for it."""
    from .driver.devices import among_others

    if among_others():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else DEFECT)


if __name__ == "__main__":
    main()
