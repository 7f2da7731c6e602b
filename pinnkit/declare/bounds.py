"""Bounds on expressions from text: what may be built, decided before it is built.

A problem file may come from a stranger. Every step of the parser asks here first, so that a short
text such as 9**9**9 or a chain of definitions that doubles each time costs an error, not a machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from .functions import UnsupportedError, evaluate


@dataclass(frozen=True)
class Limits:
    """Upper bounds for one expression."""

    characters: int = 4000
    nodes: int = 5000
    """Nodes of the syntax tree of one text."""
    nesting: int = 40
    """Depth of brackets in one text, and of the syntax tree above chains of + and *."""
    digits: int = 40
    exponent: float = 64
    derivative: int = 8
    """Total order of nested derivatives."""
    size: int = 5_000
    """Nodes of an expression after definitions are put in."""
    depth: int = 150
    """Depth of an expression after definitions are put in."""
    bits: int = 1024
    """Bits of an exact number."""
    magnitude: float = 1e100
    """Absolute value of a constant."""


@dataclass(frozen=True)
class Facts:
    """Measures of an expression, as a tree: shared parts count each time."""

    size: int
    depth: int
    order: int
    """Largest total order of nested derivatives."""
    constant: bool
    fault: str = ""
    """Why its value can be no real number, or ''."""


_FAULTS: dict[sp.Basic, str] = {
    sp.nan: "the value is not finite", sp.zoo: "the value is not finite", sp.oo: "the value is not finite",
    -sp.oo: "the value is not finite", sp.I: "the value is not real",
}  # fmt: skip


def derivative_order(derivative: Any) -> int:
    """Total order of one derivative."""
    return sum(int(count) for _, count in derivative.variable_count)


class Ledger:
    """Facts of expressions, each worked out once from the facts of its parts."""

    def __init__(self) -> None:
        self._facts: dict[sp.Basic, Facts] = {}
        self._values: dict[sp.Basic, float] = {}

    def facts(self, expression: sp.Basic) -> Facts:
        """The facts of an expression; cheap where its parts are known already."""
        if expression not in self._facts:
            self._facts[expression] = self._measure(expression)
        return self._facts[expression]

    def value(self, expression: sp.Basic) -> float:
        """Value of a constant expression; NaN where it is not real or not known here."""
        if expression not in self._values:
            try:
                self._values[expression] = float(evaluate(expression, {}))
            except (UnsupportedError, TypeError, ValueError):
                self._values[expression] = float("nan")
        return self._values[expression]

    def _measure(self, expression: sp.Basic) -> Facts:
        if isinstance(expression, sp.Symbol | AppliedUndef):
            return Facts(1, 1, 0, False)
        if isinstance(expression, sp.Derivative):
            inner = self.facts(expression.expr)
            order = inner.order + derivative_order(expression)
            return Facts(inner.size + 1, inner.depth + 1, order, False, inner.fault)
        parts = [self.facts(a) for a in expression.args]
        return Facts(
            1 + sum(p.size for p in parts),
            1 + max((p.depth for p in parts), default=0),
            max((p.order for p in parts), default=0),
            all(p.constant for p in parts),
            _FAULTS.get(expression) or next((p.fault for p in parts if p.fault), ""),
        )


def power_fault(base: Any, exponent: sp.Expr, ledger: Ledger, limits: Limits) -> str:
    """Why base**exponent may not be built, or ''."""
    if not ledger.facts(exponent).constant:
        return ""
    power = ledger.value(exponent)
    if not abs(power) <= limits.exponent:
        return f"the exponent {_short(power)} is too large"
    inner = ledger.value(base.exp) if base.is_Pow and ledger.facts(base.exp).constant else 1.0
    if not abs(power * inner) <= limits.exponent:
        return f"the exponents multiply to {_short(power * inner)}, which is too large"
    if ledger.facts(base).constant:
        value = ledger.value(base)
        if value == 0 and power < 0:
            return "division by zero"
        with np.errstate(all="ignore"):
            fault = value_fault(float(np.power(value, power)), limits)
        if fault:
            return fault
    coefficient = base.as_coeff_Mul()[0]
    if coefficient.is_Rational and abs(power) * _bits(coefficient) > limits.bits:
        return "the number is too long"
    return ""


def value_fault(value: float, limits: Limits) -> str:
    """Why a constant of this value may not be used, or ''."""
    if np.isnan(value):
        return "this has no real value"
    if np.isinf(value) or abs(value) > limits.magnitude:
        return "the value is too large"
    return ""


def facts_fault(facts: Facts, limits: Limits) -> str:
    """Why an expression with these facts may not be used, or ''."""
    if facts.fault:
        return facts.fault
    if facts.size > limits.size:
        return f"the expression grows to {_short(facts.size)} parts"
    if facts.depth > limits.depth:
        return "the expression is nested too deeply"
    if facts.order > limits.derivative:
        return f"derivatives of order {facts.order} are too high"
    return ""


def work(expression: sp.Basic) -> float:
    """Estimated number of terms once every derivative of a product or function is carried out.

    One differentiation of n factors gives n terms of n factors, so k of them cost n**(k + 1); the terms of a
    sum are differentiated one by one, and numbers not at all.
    """
    return _work(expression, 0)


def _work(expression: sp.Basic, order: int) -> float:
    """The estimate for the derivative of an order of an expression."""
    if isinstance(expression, AppliedUndef) or not expression.args:
        return 1.0
    if isinstance(expression, sp.Derivative):
        if isinstance(expression.expr, AppliedUndef):
            return 1.0
        return _work(expression.expr, order + derivative_order(expression))
    if isinstance(expression, sp.Add):
        return 1.0 + sum(_work(a, order) for a in expression.args)
    factors = 1.0 + sum(_work(a, 0) for a in expression.args if not a.is_Number)
    return math.inf if (order + 1) * math.log10(factors) > 100 else factors ** (order + 1)


def _bits(number: Any) -> int:
    return max(int(number.p).bit_length(), int(number.q).bit_length())


def _short(number: float) -> str:
    return (
        f"{number:.6g}" if isinstance(number, float) or number < 10**9 else f"about 1e{len(str(number)) - 1}"
    )
