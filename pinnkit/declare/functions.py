"""The functions a declaration may use, and their values at points.

One table names each function, its SymPy class and its NumPy or SciPy counterpart. ``evaluate`` walks an
expression and needs no generated code, so that a problem can be checked before any form is derived.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp
from sympy.core.function import Application

from .regions import InRegion
from .symbols import Parameter

Array = np.ndarray


@dataclass(frozen=True)
class Function:
    """A function of expressions: how SymPy builds it, its values, and how many arguments it takes."""

    symbolic: Callable[..., sp.Expr]
    numeric: Callable[..., Array]
    arguments: tuple[int, int] = (1, 1)


class UnsupportedError(Exception):
    """An expression with a part that has no value at a point, or none known here."""


def _special(name: str, pick: int | None = None) -> Callable[..., Array]:
    """A function of scipy.special, imported when first used: most problems need none."""

    def value(*arguments: Array) -> Array:
        from scipy import special

        result = getattr(special, name)(*arguments)
        return result if pick is None else result[pick]

    return value


def _inverse(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: 1 / function(a)


def _of_inverse(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    return lambda a: function(1 / a)


FUNCTIONS: dict[str, Function] = {
    "sqrt": Function(sp.sqrt, np.sqrt),
    "exp": Function(sp.exp, np.exp),
    "log": Function(sp.log, np.log),
    "sin": Function(sp.sin, np.sin),
    "cos": Function(sp.cos, np.cos),
    "tan": Function(sp.tan, np.tan),
    "cot": Function(sp.cot, _inverse(np.tan)),
    "sec": Function(sp.sec, _inverse(np.cos)),
    "csc": Function(sp.csc, _inverse(np.sin)),
    "asin": Function(sp.asin, np.arcsin),
    "acos": Function(sp.acos, np.arccos),
    "atan": Function(sp.atan, np.arctan),
    "acot": Function(sp.acot, _of_inverse(np.arctan)),
    "atan2": Function(sp.atan2, np.arctan2, (2, 2)),
    "sinh": Function(sp.sinh, np.sinh),
    "cosh": Function(sp.cosh, np.cosh),
    "tanh": Function(sp.tanh, np.tanh),
    "coth": Function(sp.coth, _inverse(np.tanh)),
    "sech": Function(sp.sech, _inverse(np.cosh)),
    "csch": Function(sp.csch, _inverse(np.sinh)),
    "asinh": Function(sp.asinh, np.arcsinh),
    "acosh": Function(sp.acosh, np.arccosh),
    "atanh": Function(sp.atanh, np.arctanh),
    "sinc": Function(sp.sinc, lambda a: np.sinc(a / np.pi)),
    "erf": Function(sp.erf, _special("erf")),
    "erfc": Function(sp.erfc, _special("erfc")),
    "gamma": Function(sp.gamma, _special("gamma")),
    "besselj": Function(sp.besselj, _special("jv"), (2, 2)),
    "bessely": Function(sp.bessely, _special("yv"), (2, 2)),
    "besseli": Function(sp.besseli, _special("iv"), (2, 2)),
    "besselk": Function(sp.besselk, _special("kv"), (2, 2)),
    "airyai": Function(sp.airyai, _special("airy", 0)),
    "airybi": Function(sp.airybi, _special("airy", 2)),
    "Abs": Function(sp.Abs, np.abs),
    "sign": Function(sp.sign, np.sign),
    "Heaviside": Function(sp.Heaviside, lambda a, at_zero=0.5: np.heaviside(a, at_zero), (1, 2)),
    "Min": Function(sp.Min, lambda *a: np.minimum.reduce(np.broadcast_arrays(*a)), (2, 8)),
    "Max": Function(sp.Max, lambda *a: np.maximum.reduce(np.broadcast_arrays(*a)), (2, 8)),
}
ALIASES = {"abs": "Abs", "min": "Min", "max": "Max", "ln": "log", "arcsin": "asin", "arccos": "acos",
           "arctan": "atan", "arctan2": "atan2", "heaviside": "Heaviside"}  # fmt: skip

_RELATIONS: dict[type, Callable[[Array, Array], Array]] = {
    sp.StrictLessThan: np.less,
    sp.LessThan: np.less_equal,
    sp.StrictGreaterThan: np.greater,
    sp.GreaterThan: np.greater_equal,
    sp.Equality: np.equal,
    sp.Unequality: np.not_equal,
}


def evaluate(expression: sp.Basic, values: Mapping[sp.Symbol, Any]) -> Array:
    """Values of an expression at points, ``values`` giving an array for each symbol in it.

    Parameters not in ``values`` take their own value. Where the expression has no real value the
    result is NaN or infinite. Raises ``UnsupportedError`` for a part that cannot be evaluated.
    """
    known: dict[sp.Basic, Array] = {symbol: np.asarray(value, float) for symbol, value in values.items()}
    with np.errstate(all="ignore"):
        return np.asarray(_value(expression, known))


def _value(expression: sp.Basic, known: dict[sp.Basic, Array]) -> Array:
    if expression not in known:
        known[expression] = np.asarray(_compute(expression, known))
    return known[expression]


def _compute(expression: Any, known: dict[sp.Basic, Array]) -> Any:
    match expression:
        case sp.Number() | sp.NumberSymbol():
            return _float(expression)
        case Parameter():
            return expression.value
        case sp.logic.boolalg.BooleanAtom():
            return bool(expression)
        case sp.Piecewise():
            result: Any = np.nan
            pieces: Any = expression.args
            for value, condition in reversed(pieces):
                result = np.where(_value(condition, known), _value(value, known), result)
            return result
        case InRegion():
            return expression.values(*(_value(a, known) for a in expression.args))
    combine = _combination(expression)
    return combine(*(_value(a, known) for a in expression.args))


def _combination(expression: sp.Basic) -> Callable[..., Array]:
    if expression.func is sp.Pow:
        return lambda base, exponent: np.power(np.asarray(base, float), exponent)
    if expression.func in _REDUCTIONS:
        reduce = _REDUCTIONS[expression.func]
        return lambda *a: reduce(list(np.broadcast_arrays(*a)))
    if expression.func is sp.Not:
        return np.logical_not
    if expression.func in _RELATIONS:
        return _RELATIONS[expression.func]
    name = expression.func.__name__
    if name not in FUNCTIONS or not isinstance(expression, Application):
        raise UnsupportedError(str(expression))
    return FUNCTIONS[name].numeric


_REDUCTIONS: dict[type, Callable[[list[Array]], Array]] = {
    sp.Add: lambda a: np.add.reduce(a),
    sp.Mul: lambda a: np.multiply.reduce(a),
    sp.And: lambda a: np.logical_and.reduce(a),
    sp.Or: lambda a: np.logical_or.reduce(a),
}


def _float(number: sp.Expr) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number.is_positive else float("-inf")
    except TypeError:  # zoo and nan have no float
        return float("nan")
