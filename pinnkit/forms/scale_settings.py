"""Scales given by hand, checked against the problem."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ..declare.errors import DeclarationError, unknown_word
from ..declare.problem import Problem
from .characteristic import Scales, Unit

Setting = str | Mapping[str, Any]
WORDS = ("auto", "none")
EQUATIONS = "equations"
_EXAMPLE = "write, for instance, scales: {x: 1e-3, t: 3600, T: {unit: 50, offset: 300}}"


def read_scales(problem: Problem, setting: Setting) -> Scales:
    """What a setting gives; nothing for ``auto`` and ``none``.

    Raises ``DeclarationError`` for names that nothing has and numbers that are no unit.
    """
    if isinstance(setting, str) and setting in WORDS:
        return Scales()
    if not isinstance(setting, Mapping):
        raise _fault(f"scales: {setting!r}", f"{', '.join(WORDS)} or units by name")
    unknowns: dict[str, Unit] = {}
    parameters: dict[str, float] = {}
    lengths: dict[str, float] = {}
    equations: dict[str, float] = {}
    inferred = [p.name for p in problem.parameters if p.infer]
    variables = [v.name for v in problem.variables]
    for name, value in setting.items():
        if name in problem.unknown_names:
            unknowns[name] = _unit(name, value)
        elif name in variables:
            lengths[name] = _positive(name, value)
        elif name in inferred:
            parameters[name] = _positive(name, value)
        elif name == EQUATIONS:
            equations = _equations(problem, value)
        else:
            raise _no_such(problem, name, [*problem.unknown_names, *variables, *inferred, EQUATIONS])
    return Scales(unknowns, equations, parameters, lengths)


def _equations(problem: Problem, given: Any) -> dict[str, float]:
    if not isinstance(given, Mapping):
        raise _fault(f"scales: {EQUATIONS}: {given!r}", "numbers by name of equation")
    known = [equation.name for equation in problem.equations]
    for name in given:
        if name not in known:
            raise unknown_word("equation in scales:", str(name), known, section="scales")
    return {name: _positive(f"{EQUATIONS}.{name}", value) for name, value in given.items()}


def _no_such(problem: Problem, name: Any, known: Iterable[str]) -> DeclarationError:
    if name in [p.name for p in problem.parameters]:
        return DeclarationError(
            f"scales: {name} is a parameter with a known value", section="scales",
            expected="an unknown, a coordinate or a parameter to be inferred",
            mend="remove it: known parameters enter the units of equations by themselves",
        )  # fmt: skip
    otherwise = "use one of them; units of equations stand under equations: {NAME: …}"
    return unknown_word("name in scales:", str(name), known, otherwise=otherwise, section="scales")


def _unit(name: str, value: Any) -> Unit:
    if not isinstance(value, Mapping):
        return Unit(_positive(name, value))
    for key in value:
        if key not in ("unit", "offset"):
            raise unknown_word(f"entry of scales.{name}", str(key), ("unit", "offset"), section="scales")
    if "unit" not in value:
        raise _fault(f"scales: {name} has an offset without a unit", "a unit for the difference from it")
    return Unit(_positive(name, value["unit"]), _number(f"{name}.offset", value.get("offset", 0.0)))


def _positive(name: str, value: Any) -> float:
    number = _number(name, value)
    if number <= 0:
        raise _fault(f"scales: {name} is {number:g}", "a number above zero")
    return number


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _fault(f"scales: {name} is {value!r}", "a finite number")
    return float(value)


def _fault(what: str, expected: str) -> DeclarationError:
    return DeclarationError(what, expected=expected, mend=_EXAMPLE, section="scales")
