"""Expressions as one line of readable text: −ν·u_xx + u², √x."""

from __future__ import annotations

import re

import sympy as sp
from sympy.printing.precedence import PRECEDENCE
from sympy.printing.pretty.pretty_symbology import greek_unicode
from sympy.printing.str import StrPrinter

_RAISED = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_GREEK = {**greek_unicode, "lam": "λ", "lamda": "λ"}
_SIGN = re.compile(r"(?<![\w.])-")  # a hyphen that is no part of a number such as 1e-5


class _Line(StrPrinter):
    """SymPy's one-line text with Greek letters, raised exponents and roots."""

    def _print_Symbol(self, symbol: sp.Symbol) -> str:
        head, underscore, tail = symbol.name.partition("_")
        return _GREEK.get(head, head) + underscore + tail

    def _print_Pi(self, _: sp.Expr) -> str:
        return "π"

    def _print_Pow(self, power: sp.Pow, rational: bool = False) -> str:
        base, exponent = power.args
        if exponent == sp.S.Half:
            return f"√{self._print(base)}" if base.is_Atom else f"√({self._print(base)})"
        if exponent == -sp.S.Half or exponent == -1:
            return f"1/{self.parenthesize(base**-exponent, PRECEDENCE['Mul'])}"
        lower = self.parenthesize(base, PRECEDENCE["Pow"])
        if exponent.is_Integer:
            return lower + str(exponent).translate(_RAISED)
        return f"{lower}^({self._print(exponent)})"


def line(expression: sp.Basic) -> str:
    """One line of text."""
    written = _Line({"full_prec": False}).doprint(expression)
    return _SIGN.sub("−", written.replace("*", "·"))


def latex(expression: sp.Basic) -> str:
    """LaTeX with subscripts for derivatives, u_{xx}."""
    return sp.latex(expression, full_prec=False)


def latex_name(name: str) -> str:
    """A name in upright letters."""
    return "\\mathrm{" + name.replace("_", "\\_") + "}"
