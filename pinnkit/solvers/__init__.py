"""The registry of solvers: every module here whose name has no leading underscore holds one solver."""

from __future__ import annotations

import pkgutil
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

from ._base import (
    DirectSolver,
    Formulation,
    GradientTest,
    Options,
    Requirement,
    Solver,
    SolverFailed,
    TrainedSolver,
)
from ._options import describe, read_options

if TYPE_CHECKING:
    from ..declare import Problem

__all__ = [
    "Broken", "DirectSolver", "Formulation", "GradientTest", "Options", "Registry", "Requirement", "Solver",
    "SolverFailed", "TrainedSolver",
    "describe", "discover", "fitting", "get", "listing", "names", "read_options", "registry",
]  # fmt: skip


class Broken(NamedTuple):
    """A solver module that could not be loaded, and why."""

    module: str
    reason: str


class Registry(NamedTuple):
    """Solvers by name, and the modules that failed: one broken file must not hide the others."""

    solvers: dict[str, Solver]
    broken: tuple[Broken, ...]


@cache
def registry() -> Registry:
    """All solvers, by name in alphabetical order. Imports the solver modules, which is light."""
    return discover(list(__path__), __name__)


def discover(path: list[str], package: str) -> Registry:
    """Solvers found in the modules of a package."""
    solvers: dict[str, Solver] = {}
    broken: list[Broken] = []
    for module in sorted(entry.name for entry in pkgutil.iter_modules(path)):
        if module.startswith("_"):
            continue
        try:
            solver = _solver_of(import_module(f"{package}.{module}"))
            if solver.name in solvers:
                raise TypeError(f"the name {solver.name!r} is taken by another solver")
            solvers[solver.name] = solver
        except Exception as reason:
            broken.append(Broken(module, f"{type(reason).__name__}: {reason}"))
    return Registry(dict(sorted(solvers.items())), tuple(broken))


def _solver_of(module: ModuleType) -> Solver:
    classes = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Solver) and value.__module__ == module.__name__
    ]
    if len(classes) != 1:
        raise TypeError(f"expected one solver class, found {len(classes)}")
    if missing := [key for key in ("name", "summary", "references") if not getattr(classes[0], key, None)]:
        raise TypeError(f"{classes[0].__name__} lacks {', '.join(missing)}")
    return classes[0]()


def listing(name: str | None = None) -> str:
    """The solvers as text, or one of them with its options."""
    if name is not None:
        return _details(get(name))
    found = registry()
    width = max(map(len, (*found.solvers, *(module for module, _ in found.broken))), default=0)
    lines = []
    for solver in found.solvers.values():
        lines.append(f"{solver.name:{width}}  {solver.summary}")
        lines += [f"{'':{width}}  needs {requirement.text}" for requirement in solver.requires]
    lines += [f"{module:{width}}  could not be loaded: {reason}" for module, reason in found.broken]
    return "\n".join([*lines, "", "Options of one: pinnkit solvers NAME"])


def _details(solver: Solver) -> str:
    lines = [f"{solver.name}: {solver.summary}", ""]
    lines += [f"Needs {requirement.text}." for requirement in solver.requires]
    lines += ["Options, under `solver:` in a problem file or with --set solver.OPTION=VALUE:"]
    lines += [f"  {line}" for line in describe(solver.options)]
    return "\n".join([*lines, "", "References:", *(f"  {paper}" for paper in solver.references)])


def names() -> tuple[str, ...]:
    """Names of the registered solvers."""
    return tuple(registry().solvers)


def get(name: str) -> Solver:
    """The solver of a name; ``DeclarationError`` names its neighbours, or why its module failed."""
    found = registry()
    if name in found.solvers:
        return found.solvers[name]
    from ..declare.errors import DeclarationError, unknown_word

    for module, reason in found.broken:
        if module == name:
            raise DeclarationError(
                f"solver {name!r} could not be loaded: {reason}", mend="see `pinnkit solvers` for the others"
            )
    raise unknown_word("solver", name, found.solvers, otherwise="see `pinnkit solvers`")


def fitting(problem: Problem) -> tuple[str, ...]:
    """Names of the solvers whose requirements a problem meets."""
    return tuple(name for name, solver in registry().solvers.items() if not solver.unmet(problem))
