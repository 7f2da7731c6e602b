"""Whether a declaration holds together; every complaint says what, where, and how to mend it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from ..geometry.shapes import Shape
from .conditions import describe
from .coverage import check_conditions
from .entries import read_equations
from .errors import DeclarationError, Place, unknown_word
from .objective import check_objective
from .orders import Orders, carried_out, orders
from .problem import condition_expressions
from .quantities import DOMAIN, check_quantities
from .sampled import check_exact, check_values
from .symbols import Parameter, is_inferred, normal
from .words import check_word

if TYPE_CHECKING:
    from .problem import Problem

__all__ = ["check_problem", "read_equations"]

_KINDS = (
    sp.Add, sp.Mul, sp.Pow, sp.Number, sp.NumberSymbol, sp.Symbol, sp.Function, sp.Derivative, sp.Piecewise,
    ExprCondPair, Relational, Boolean,
    sp.Tuple, sp.Max, sp.Min,
)  # fmt: skip


def check_problem(problem: Problem) -> None:
    """Raise ``DeclarationError`` at the first thing in a problem that does not hold together."""
    _check_name(problem)
    _check_unknowns(problem)
    _check_variables(problem)
    _check_domain(problem)
    statements = _statements(problem)
    for what, expression, place, on_boundary in statements:
        _check_expression(problem, expression, what, place, on_boundary)
    per_equation = [_equation_orders(equation) for equation in problem.equations]
    _check_counts(problem, per_equation)
    check_conditions(problem, per_equation)
    _check_inferred(problem)
    check_objective(problem)
    check_values(problem)
    check_exact(problem)
    check_quantities(problem)


def _check_name(problem: Problem) -> None:
    if not isinstance(problem.name, str) or not re.fullmatch(r"\w[\w.-]{0,99}", problem.name):
        raise DeclarationError(
            f"the problem's name is {problem.name!r}",
            expected="letters, digits, _, - and dots; it names a directory",
            mend='write a name such as "poisson_holes"',
            section="name",
        )


def _check_unknowns(problem: Problem) -> None:
    for field in problem.unknowns:
        for argument in field.args:
            if not isinstance(argument, sp.Symbol) or isinstance(argument, Parameter):
                raise DeclarationError(
                    f"{field}: an unknown at {argument}",
                    expected="unknowns as functions of the coordinates",
                    mend="write u itself, and say where by a condition",
                )
        if not field.is_real:
            raise DeclarationError(
                f"the unknown {field} was not made by unknown()",
                expected="real unknowns, which equal those read from problem files",
                mend=f'write {field.func.__name__} = pk.unknown("{field.func.__name__}", …)',
            )
    if not problem.solved:
        raise DeclarationError(
            "no equation holds an unknown that is solved for",
            expected="at least one unknown",
            mend='make it by u = pk.unknown("u", x, …) and use it in an equation',
            section="equations",
        )


def _check_variables(problem: Problem) -> None:
    if not problem.coordinates:
        raise DeclarationError(
            "no unknown depends on a space coordinate",
            expected="at least one coordinate beside time",
            mend="declare the only variable as a coordinate on an interval; its start is a boundary",
            section="coordinates",
        )
    for variable in problem.coordinates:
        if variable != sp.Symbol(variable.name, real=True):
            raise DeclarationError(
                f"the coordinate {variable} was not made by coordinates()",
                expected="real symbols, which equal those read from problem files",
                mend=f'write {variable} = pk.coordinates("{variable}")',
            )
    for field in problem.unknowns:
        extra = [a for a in field.args if a not in problem.variables]
        missing = [v for v in problem.variables if v not in field.args]
        if extra or (missing and not is_inferred(field)) or len(set(field.args)) < len(field.args):
            raise DeclarationError(
                f"{field} does not depend on the same variables as the other unknowns",
                expected=f"a function of {', '.join(map(str, problem.variables))}",
                mend="give every unknown that is solved for all coordinates, and time where there is time",
                section="unknowns",
            )
    _check_names(problem)


def _check_names(problem: Problem) -> None:
    symbols = [*problem.variables, *problem.unknowns, *problem.parameters]
    words = [s.func.__name__ if isinstance(s, AppliedUndef) else s.name for s in symbols]
    for i, word in enumerate(words):
        others = {w: s for k, (w, s) in enumerate(zip(words, symbols, strict=True)) if k != i}
        check_word(word, others, problem.coordinates)


def _check_domain(problem: Problem) -> None:
    if not isinstance(problem.domain, Shape):
        raise DeclarationError(
            f"the domain is {problem.domain!r}",
            expected="a shape",
            mend="write pk.Rectangle((0, 0), (1, 1)) or another shape",
            section="domain",
        )
    if problem.domain.dimension != len(problem.coordinates):
        names = ", ".join(map(str, problem.coordinates))
        raise DeclarationError(
            f"the domain has {problem.domain.dimension} dimension(s), but the unknowns depend on {names}",
            expected=f"a shape in {len(problem.coordinates)} dimension(s); time is not counted",
            mend="give a shape of that dimension, or other coordinates",
            section="domain",
        )


def _statements(problem: Problem) -> list[tuple[str, sp.Expr, Place | None, bool]]:
    """Every expression, what it is, where it stands, and whether the outward normal means something there."""
    found = [
        (f"equation {e.name!r}", side, e.place, False) for e in problem.equations for side in (e.lhs, e.rhs)
    ]
    for condition in problem.conditions:
        on_boundary = hasattr(condition, "where")
        what = describe(condition)
        found += [(what, e, condition.place, on_boundary) for e in condition_expressions(condition)]
    found += [(f"exact {name}", e, None, False) for name, e in (problem.exact or {}).items()]
    if problem.objective is not None:
        entries = problem.objective.expressions
        found += [("the objective", e, problem.objective.place, False) for e in entries]
    return found + [
        (f"quantity {q.name!r}", q.expression, q.place, q.over != DOMAIN and q.at is None)
        for q in problem.quantities
        if q.kind != "formula"
    ]


def _check_expression(
    problem: Problem, expression: sp.Expr, what: str, place: Place | None, on_boundary: bool
) -> None:
    if expression.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise DeclarationError(
            f"{what}: {expression} is not finite",
            expected="finite values",
            mend="look for a division by zero",
            place=place,
        )
    for part in sp.preorder_traversal(expression):
        if part is sp.I or not isinstance(part, _KINDS):
            raise DeclarationError(
                f"{what}: {part} has no place in a declaration",
                expected="real numbers, functions, Piecewise and derivatives",
                mend="split complex fields into real and imaginary part; carry out integrals and limits",
                place=place,
            )
    normals = {normal(x): x for x in problem.coordinates}
    known = {*problem.variables, *(normals if on_boundary else ())}
    for symbol in sorted(expression.free_symbols - known, key=str):
        if not isinstance(symbol, Parameter):
            raise _undefined(problem, symbol, what, place, symbol in normals)
    for derivative in expression.atoms(sp.Derivative):
        for variable in derivative.variables:
            if variable not in problem.variables:
                raise DeclarationError(
                    f"{what}: {derivative} differentiates by {variable}",
                    expected=f"derivatives by {', '.join(map(str, problem.variables))}",
                    mend="differentiate by coordinates",
                    place=place,
                )


def _undefined(
    problem: Problem, symbol: sp.Basic, what: str, place: Place | None, is_normal: bool
) -> DeclarationError:
    word = str(symbol)
    if is_normal:
        return DeclarationError(
            f"{what}: {word} is the outward normal, which only boundaries have",
            expected="coordinates, unknowns and parameters",
            mend="use it in what is stated on a boundary",
            place=place,
        )
    known = [*map(str, problem.variables), *(p.name for p in problem.parameters)]
    if word in known:
        return DeclarationError(
            f"{what}: {word!r} is another symbol than the coordinate or parameter of that name",
            expected="one symbol for one thing",
            mend=f"make {word} once, by coordinates(), time() or parameter(), and use it throughout",
            place=place,
        )
    declare = f'declare it: {word} = pk.parameter("{word}", value)'
    error = unknown_word("symbol", word, known, otherwise=declare)
    return DeclarationError(
        f"{what}: {error.what}",
        expected=error.expected,
        mend=error.mend,
        place=place,
    )


def _equation_orders(equation) -> dict[AppliedUndef, Orders]:
    try:
        residual = carried_out(equation.residual, f"equation {equation.name!r}")
    except DeclarationError as error:
        raise error.at(equation.place) from None
    found = orders([residual])
    if not found:
        raise DeclarationError(
            f"equation {equation.name!r} holds no unknown",
            expected="an equation for the unknowns",
            mend="check that its terms do not cancel, or remove it",
            place=equation.place,
        )
    return found


def _check_counts(problem: Problem, per_equation: list[dict[AppliedUndef, Orders]]) -> None:
    used = {field for found in per_equation for field in found}
    for field in problem.solved:
        if field not in used:
            raise DeclarationError(
                f"the unknown {field.func.__name__} appears in no equation",
                expected="an equation for every unknown",
                mend="use it in an equation, or remove it",
                section="unknowns",
            )
    equations, unknowns = len(problem.equations), len(problem.solved)
    if equations != unknowns:
        names = ", ".join(f.func.__name__ for f in problem.solved)
        fewer = equations < unknowns
        raise DeclarationError(
            f"{equations} equation(s) for {unknowns} unknown(s): {names}",
            expected="as many equations as unknowns that are solved for",
            mend="add an equation, or mark a coefficient with infer=True" if fewer else "remove an equation",
            section="equations",
        )


def _check_inferred(problem: Problem) -> None:
    names = [f.func.__name__ for f in problem.inferred] + [p.name for p in problem.parameters if p.infer]
    if names and not problem.observations and problem.objective is None:
        raise DeclarationError(
            f"{', '.join(names)} is to be inferred, but there are no observations",
            expected="measured values of an unknown",
            mend='give observations=[Observations(u, "sensors.csv")], an objective, or fix the value',
            section="observations",
        )
    for entry in problem.observations:
        if entry.unknown not in problem.unknowns:
            error = unknown_word("unknown", entry.unknown.func.__name__, problem.unknown_names)
            raise DeclarationError(
                f"observations: {error.what}", expected=error.expected, mend=error.mend, place=entry.place
            )
