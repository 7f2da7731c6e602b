"""SymPy expressions in the language of problem files; ``expressions.parse`` reads them back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.str import StrPrinter

from .arithmetic import shorthand

_LINKS = {sp.Equality: "==", sp.Unequality: "!="}


def to_text(expression: sp.Expr, names: Mapping[str, object]) -> str:
    """The expression as text; ``names`` are those of the problem, which tell when u_xx is clear."""
    return _Printer(names).doprint(expression)


class _Printer(StrPrinter):
    """SymPy's own printer where the two languages agree."""

    def __init__(self, names: Mapping[str, object]):
        super().__init__()
        self.names = names

    def _print_AppliedUndef(self, expr: AppliedUndef) -> str:
        return expr.func.__name__

    def _print_Float(self, expr: sp.Float) -> str:
        return repr(float(expr))

    def _print_Exp1(self, expr: sp.Expr) -> str:
        return "exp(1)"

    def _print_Derivative(self, expr: Any) -> str:
        if isinstance(expr.expr, AppliedUndef):
            variables = "".join(v.name * int(n) for v, n in expr.variable_count)
            word = f"{expr.expr.func.__name__}_{variables}"
            if word not in self.names and shorthand(word, self.names) == expr:
                return word
        steps = [v.name if n == 1 else f"{v.name}, {n}" for v, n in expr.variable_count]
        return f"Derivative({', '.join([self._print(expr.expr), *steps])})"

    def _print_Relational(self, expr: Any) -> str:
        link = _LINKS.get(type(expr), expr.rel_op)
        return f"{self._side(expr.lhs)} {link} {self._side(expr.rhs)}"

    def _side(self, expr: sp.Basic) -> str:
        return self.parenthesize(expr, PRECEDENCE["Relational"])

    def _print_And(self, expr: sp.And) -> str:
        return " and ".join(f"({self._print(a)})" for a in sp.ordered(expr.args))

    def _print_Or(self, expr: sp.Or) -> str:
        return " or ".join(f"({self._print(a)})" for a in sp.ordered(expr.args))

    def _print_Not(self, expr: sp.Not) -> str:
        return f"not ({self._print(expr.args[0])})"
