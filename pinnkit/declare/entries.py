"""What a Problem is given, brought to the form that it holds: scalar statements, canonical expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .canonical import canonical
from .conditions import AnyCondition, Observations, components, scalar
from .errors import DeclarationError
from .problem import Equation, condition_atoms
from .symbols import Time, is_inferred

if TYPE_CHECKING:
    from .problem import Problem

_CONDITION_FIELDS = ("value", "a", "b", "expression")


def read_equations(
    equations: Sequence[sp.Eq | sp.Expr | Equation] | Mapping[str, sp.Eq | sp.Expr],
) -> tuple[Equation, ...]:
    """Named scalar equations from ``sp.Eq``, expressions equal to zero, or columns of either.

    Without names, a single equation is called "equation", several "equation_1", "equation_2", …; the
    components of a vector equation carry the coordinates' names, as in "momentum_x".
    """
    if isinstance(equations, Mapping):
        named = list(equations.items())
    else:
        single = isinstance(equations, sp.Basic | sp.MatrixBase | Equation)
        entries = [equations] if single else list(equations)
        named = [(f"equation_{i}" if len(entries) > 1 else "equation", e) for i, e in enumerate(entries, 1)]
    found = [equation for name, entry in named for equation in _read_equation(str(name), entry)]
    names = [equation.name for equation in found]
    for equation in found:
        if names.count(equation.name) > 1:
            raise DeclarationError(
                f"two equations are called {equation.name!r}",
                expected="one name each",
                mend="rename one of them",
                place=equation.place,
            )
    return tuple(found)


def _read_equation(name: str, entry: Any) -> list[Equation]:
    place = None
    if isinstance(entry, Equation):
        name, place, lhs, rhs = entry.name, entry.place, entry.lhs, entry.rhs
    elif isinstance(entry, sp.Equality):
        lhs, rhs = entry.lhs, entry.rhs
    elif isinstance(entry, sp.Expr | sp.MatrixBase):
        lhs, rhs = entry, sp.S.Zero
    elif isinstance(entry, bool) or entry in (sp.true, sp.false):
        raise DeclarationError(
            f"equation {name!r} is {bool(entry)}",
            expected="an equation between two expressions that differ",
            mend="write sp.Eq(lhs, rhs) rather than lhs == rhs, and check that both sides differ",
        )
    else:
        kind = "text" if isinstance(entry, str) else repr(entry)
        raise DeclarationError(
            f"equation {name!r} is {kind}",
            expected="sp.Eq(lhs, rhs) or an expression equal to zero",
            mend="in Python give SymPy objects; text is read in problem files only",
        )
    if not isinstance(lhs, sp.MatrixBase) and not isinstance(rhs, sp.MatrixBase):
        pair = (_side(lhs, name), _side(rhs, name))
        return [Equation(name, *pair, place)]
    return _components(name, lhs, rhs, place)


def _components(name: str, lhs: Any, rhs: Any, place: Any) -> list[Equation]:
    sizes = [len(side) if isinstance(side, sp.MatrixBase) else 0 for side in (lhs, rhs)]
    count = max(sizes)
    # A bare zero stands for the zero vector.
    columns = [
        list(side) if size else [side] * count if side == 0 else [side]
        for side, size in zip((lhs, rhs), sizes, strict=True)
    ]
    if len(columns[0]) != len(columns[1]):
        kinds = [f"a vector of {size}" if size else "a scalar" for size in sizes]
        raise DeclarationError(
            f"equation {name!r} sets {kinds[0]} equal to {kinds[1]}",
            expected="both sides of one kind",
            mend="give both sides the same number of components",
            place=place,
        )
    labels = _labels(sp.ImmutableMatrix(columns), count)
    return [
        Equation(f"{name}_{label}", _side(left, name), _side(right, name), place)
        for label, left, right in zip(labels, *columns, strict=True)
    ]


def _labels(sides: sp.MatrixBase, count: int) -> list[str]:
    """Names of the space coordinates where there are as many as components, else numbers."""
    for field in sp.ordered(sides.atoms(AppliedUndef)):
        space = [str(a) for a in field.args if not isinstance(a, Time)]
        if len(space) == count:
            return space
    return [str(i + 1) for i in range(count)]


def _side(side: Any, name: str) -> Any:
    return canonical(scalar(side, f"equation {name!r}"))


def read_conditions(conditions: Sequence[AnyCondition]) -> tuple[AnyCondition, ...]:
    """Scalar conditions with canonical expressions; those on vectors become one for each component."""
    found = []
    for entry in [conditions] if isinstance(conditions, AnyCondition) else conditions:
        if not isinstance(entry, AnyCondition):
            mend = "write Dirichlet(u, 0, where=…), Neumann(…), Initial(…) and the like"
            if isinstance(entry, sp.Basic):
                mend = "write Condition(expression, where=…)"
            elif isinstance(entry, Observations):
                mend = "give observations by the keyword observations"
            raise DeclarationError(f"{entry!r} is no condition", expected="a condition", mend=mend)
        for condition in components(entry):
            settled = {
                key: canonical(value)
                for key in _CONDITION_FIELDS
                if isinstance(value := getattr(condition, key, None), sp.Basic)
            }
            found.append(replace(condition, **settled))
    return tuple(found)


def read_observations(observations: Sequence[Observations]) -> tuple[Observations, ...]:
    """The observations, each checked to be one."""
    entries = [observations] if isinstance(observations, Observations) else list(observations)
    for entry in entries:
        if not isinstance(entry, Observations):
            raise DeclarationError(
                f"{entry!r} is no set of observations",
                expected="Observations(u, file)",
                mend='write Observations(u, "sensors.csv", noise=0.01)',
            )
    return tuple(entries)


def read_exact(exact: Mapping[Any, Any] | None) -> dict[str, sp.Expr] | None:
    """The exact solution by names of unknowns; columns are laid open."""
    if exact is None:
        return None
    found: dict[str, Any] = {}
    for key, value in exact.items():
        pairs = zip(key.flat(), value, strict=True) if isinstance(key, sp.MatrixBase) else [(key, value)]
        for field, expression in pairs:
            name = field.func.__name__ if isinstance(field, AppliedUndef) else str(field)
            found[name] = canonical(scalar(expression, f"exact {name}"))
    return found


def read_unknowns(problem: Problem, given: Sequence[Any]) -> tuple[AppliedUndef, ...]:
    """All unknowns, those solved for first: in the order given, else as the equations bring them up."""
    seen: dict[AppliedUndef, None] = {}
    for entry in given:
        for field in entry if isinstance(entry, sp.MatrixBase) else (entry,):
            if not isinstance(field, AppliedUndef):
                raise DeclarationError(
                    f"{field!r} is no unknown",
                    expected="unknowns",
                    mend='make it by u = pk.unknown("u", x, …)',
                )
            seen.setdefault(field)
    for equation in problem.equations:
        for field in _by_name(equation.lhs.atoms(AppliedUndef) | equation.rhs.atoms(AppliedUndef)):
            seen.setdefault(field)
    for condition in problem.conditions:
        for field in _by_name(condition_atoms(condition)):
            seen.setdefault(field)
    return tuple(sorted(seen, key=is_inferred))


def _by_name(fields: set[AppliedUndef]) -> list[AppliedUndef]:
    return sorted(fields, key=lambda f: (f.func.__name__, str(f.args)))
