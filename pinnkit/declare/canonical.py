"""One form for every expression of a problem, so that equal statements compare equal.

SymPy keeps what was built unevaluated, such as ``factor(2*x + 2*y)``; read back from text it would come
out as 2*x + 2*y. A problem therefore holds what SymPy builds from the parts, with numbers in float64.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef


def canonical(expression: Any) -> Any:
    """The expression rebuilt from its parts, floats rounded to 53 bits."""
    return _rebuilt(expression, {})


def _rebuilt(expression: Any, known: dict[sp.Basic, Any]) -> Any:
    if expression in known:
        return known[expression]
    if isinstance(expression, sp.Float):
        result = sp.Float(float(expression))
    elif isinstance(expression, AppliedUndef) or not expression.args:
        result = expression
    elif isinstance(expression, sp.Derivative):
        result = sp.Derivative(_rebuilt(expression.expr, known), *expression.variable_count)
    else:
        result = expression.func(*(_rebuilt(argument, known) for argument in expression.args))
    known[expression] = result
    return result
