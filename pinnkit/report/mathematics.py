"""SymPy to presentation MathML, which browsers typeset without any help.

SymPy's own MathML writes u(x, t) with its arguments and derivatives as nested fractions of fractions; here an
unknown is its name and ∂²u/∂x² one fraction. W3C, MathML Core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import Piecewise
from sympy.logic.boolalg import And, BooleanTrue, Not, Or
from sympy.printing.conventions import split_super_sub

from ..declare import conditions as declared
from ..declare.problem import Equation, Problem

_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "kappa": "κ", "lambda": "λ", "lam": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω",
}
_RELATIONS = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}
_CONSTANTS = {sp.pi: "π", sp.E: "e", sp.I: "i", sp.oo: "∞", sp.EulerGamma: "γ", sp.zoo: "∞", sp.nan: "NaN"}
_FUNCTIONS = {"log": "ln", "Heaviside": "H", "asin": "arcsin", "acos": "arccos", "atan": "arctan"}
_BESSEL = {sp.besselj: "J", sp.bessely: "Y", sp.besseli: "I", sp.besselk: "K"}
_TALL = 6  # operations above which an exponent could not be read at its size
_BAR = '<mo stretchy="true">|</mo>'
_ADD, _MUL, _POW = 1, 2, 3  # how tightly an expression binds


def math(content: str) -> str:
    """A ``math`` element, with fractions at their full size."""
    return f'<math displaystyle="true">{content}</math>'


def expression(value: sp.Basic) -> str:
    """MathML of an expression, as one row."""
    return _row(_write(value))


def equation(item: Equation) -> str:
    """MathML of lhs = rhs."""
    return _row(_write(item.lhs), _operator("="), _write(item.rhs))


def value(symbol: sp.Symbol, number: float) -> str:
    """MathML of symbol = number."""
    return _row(_name(symbol.name), _operator("="), _write(sp.Float(f"{number:.6g}")))


def condition(item: declared.AnyCondition, problem: Problem) -> str:
    """MathML of what a condition states, without where it holds."""
    if isinstance(item, declared.Periodic):
        return _row(_name(item.coordinate.name), "<mtext>&#160;periodic, all unknowns</mtext>")
    if isinstance(item, declared.Condition):
        return _row(_write(item.expression), _operator("="), "<mn>0</mn>")
    if isinstance(item, declared.Flux):
        several = len(problem.equations) > 1
        about = f"<mtext>&#160;of equation {escape(item.equation)}</mtext>" if several else ""
        flux = _row("<mi>𝐅</mi>", _operator("·"), "<mi>𝐧</mi>")
        return _row(flux, _operator("="), _write(item.value), about)
    return _row(_left(item, problem), _operator("="), _write(item.value))


def _left(item: declared.AnyCondition, problem: Problem) -> str:
    """The left-hand side of a condition that gives a value: u, ∂u/∂n, a·u + b·∂u/∂n, …"""
    assert not isinstance(item, (declared.Periodic, declared.Condition, declared.Flux))
    name = _write(item.unknown)
    slope = _fraction(_row(_operator("∂"), name), _row(_operator("∂"), "<mi>n</mi>"))
    if isinstance(item, declared.Neumann):
        return slope
    if isinstance(item, declared.Robin):
        return _sum([(item.a, name), (item.b, slope)])
    if isinstance(item, declared.PointValue):
        return _call(name, (sp.Float(c) for c in item.at))
    if isinstance(item, declared.Dirichlet) or problem.time is None:
        return name
    clock = _name(problem.time.name)
    rate = _fraction(_row(_operator("∂"), name), _row(_operator("∂"), clock))
    start = _row(clock, _operator("="), _write(sp.Float(problem.time.start)))
    inner = _row(rate if isinstance(item, declared.InitialRate) else name, _BAR)
    return f"<msub>{inner}{start}</msub>"


def _sum(terms: list[tuple[sp.Expr, str]]) -> str:
    """a·u + b·∂u/∂n, coefficients of one left out."""
    written = [
        symbol if factor == 1 else _row(_write(factor, _MUL), _operator("&#x2062;"), symbol)
        for factor, symbol in terms if factor != 0
    ]
    return _operator("+").join(written)


def _write(value: Any, tightness: int = 0) -> str:
    """MathML of any expression, in parentheses where it binds less tightly than ``tightness``."""
    if isinstance(value, sp.MatrixBase):
        rows = ([_write(value[i, j]) for j in range(value.cols)] for i in range(value.rows))
        return _row(_operator("("), _table(rows), _operator(")"))
    if value in _CONSTANTS:
        return f"<mi>{_CONSTANTS[value]}</mi>"
    if isinstance(value, AppliedUndef):
        return _name(value.func.__name__)
    for kind, writer in _WRITERS:
        if isinstance(value, kind):
            written, own = writer(value)
            return _parenthesised(written) if own < tightness else written
    return f"<mtext>{escape(str(value))}</mtext>"


def _number(value: Any) -> tuple[str, int]:
    own = _ADD if value < 0 else _POW + 1
    size = abs(value)
    if isinstance(size, sp.Rational) and size.q != 1:
        written, own = _fraction(_digits(str(size.p)), _digits(str(size.q))), min(own, _MUL)
    elif isinstance(size, sp.Rational):
        written = _digits(str(size.p))
    else:
        mantissa, _, exponent = f"{float(size):.12g}".partition("e")
        written = _digits(mantissa)
        if exponent:
            power = int(exponent)
            raised = _row(_operator("−") if power < 0 else "", _digits(str(abs(power))))
            ten = f"<msup><mn>10</mn>{raised}</msup>"
            written, own = ten if mantissa == "1" else _row(written, _operator("×"), ten), min(own, _MUL)
    return (_row(_operator("−"), written) if value < 0 else written), own


def _add(value: Any) -> tuple[str, int]:
    parts: list[str] = []
    terms = value.as_ordered_terms()
    leading = next((term for term in terms if not term.could_extract_minus_sign()), terms[0])
    for term in [leading, *(term for term in terms if term is not leading)]:
        negative = term.could_extract_minus_sign()
        if negative or parts:
            parts.append(_operator("−" if negative else "+"))
        parts.append(_write(-term if negative else term, _ADD + 1))
    return _row(*parts), _ADD


def _mul(value: Any) -> tuple[str, int]:
    if value.as_coeff_Mul()[0].is_negative:
        return _row(_operator("−"), _write(-value, _MUL)), _ADD
    top, bottom = _split(value)
    if bottom != 1:
        coefficient, rest = value.as_coeff_Mul()
        if coefficient.is_Rational and coefficient.p != 1 and _split(rest)[1] == 1:
            return _row(_write(coefficient), _operator("&#x2062;"), _write(rest, _MUL)), _MUL
        rates = [factor for factor in sp.Mul.make_args(top) if factor.has(sp.Derivative)]
        if rates and not bottom.has(sp.Derivative):
            front = _fraction(_write(top / sp.Mul(*rates)), _write(bottom))
            return _row(front, _operator("&#x2062;"), _write(sp.Mul(*rates), _MUL)), _MUL
        return _fraction(_write(top), _write(bottom)), _MUL
    factors: list[Any] = sorted(sp.Mul.make_args(value), key=_factor_rank)
    parts: list[str] = []
    for i, factor in enumerate(factors):
        if i:
            digit = factor.is_Number or (factor.is_Pow and factor.base.is_Number)
            parts.append(_operator("·" if digit else "&#x2062;"))
        parts.append(_write(factor, _MUL + (len(factors) > 1 and isinstance(factor, (sp.Add, Piecewise)))))
    return _row(*parts), _MUL


def _split(value: Any) -> tuple[Any, Any]:
    """Numerator and denominator as they stand; unlike ``sp.fraction`` it leaves e⁻ˣ above the line."""
    top, bottom = [], []
    factors: tuple[Any, ...] = sp.Mul.make_args(value)
    for factor in factors:
        if factor.is_Rational:
            top.append(sp.Integer(factor.p))
            bottom.append(sp.Integer(factor.q))
        elif factor.is_Pow and factor.exp.could_extract_minus_sign() and not factor.exp.is_Add:
            bottom.append(factor.base**-factor.exp)
        else:
            top.append(factor)
    return sp.Mul(*top), sp.Mul(*bottom)


def _factor_rank(factor: Any) -> tuple[int, str]:
    """Numbers, constants, symbols, unknowns, functions, sums, derivatives: the order people write."""
    base = factor.base if factor.is_Pow and not factor.base.is_Number else factor
    kinds = (sp.Number, sp.Pow, sp.NumberSymbol, sp.Symbol, AppliedUndef, sp.Function, sp.Add, sp.Derivative)
    rank = next((i for i, kind in enumerate(kinds) if isinstance(base, kind)), len(kinds))
    return rank, str(factor)


def _pow(value: Any) -> tuple[str, int]:
    base, exponent = value.as_base_exp()
    if exponent.could_extract_minus_sign() and not exponent.is_Add:
        return _fraction("<mn>1</mn>", _write(base**-exponent)), _MUL
    if exponent == sp.Rational(1, 2):
        return f"<msqrt>{_write(base)}</msqrt>", _POW
    if exponent.is_Rational and exponent.p == 1:
        return f"<mroot>{_write(base)}{_write(exponent**-1)}</mroot>", _POW
    if isinstance(base, sp.Function) and not isinstance(base, (AppliedUndef, sp.Abs, sp.exp)):
        head = f"<msup>{_function_name(base)}{_write(exponent)}</msup>"
        return _call(head, base.args), _POW
    return f"<msup>{_write(base, _POW + 1)}{_write(exponent)}</msup>", _POW


def _exp(value: Any) -> tuple[str, int]:
    if value.args[0].count_ops() > _TALL:
        return _call("<mi>exp</mi>", value.args), _POW
    return f"<msup><mi>e</mi>{_row(_write(value.args[0]))}</msup>", _POW


def _derivative(value: Any) -> tuple[str, int]:
    order = sum(count for _, count in value.variable_count)
    rounds = _operator("∂") if order == 1 else f"<msup>{_operator('∂')}{_write(sp.sympify(order))}</msup>"
    below = "".join(
        _operator("∂") + (_name(v.name) if n == 1 else f"<msup>{_name(v.name)}{_write(sp.sympify(n))}</msup>")
        for v, n in value.variable_count
    )
    if isinstance(value.expr, AppliedUndef):
        return _fraction(_row(rounds, _write(value.expr)), _row(below)), _MUL
    return _row(_fraction(rounds, _row(below)), _parenthesised(_write(value.expr))), _MUL


def _piecewise(value: Any) -> tuple[str, int]:
    rows = (
        [_write(inner), "<mtext>otherwise</mtext>" if isinstance(test, BooleanTrue) else
         _row("<mtext>if&#160;</mtext>", _write(test))]
        for inner, test in value.args
    )
    return _row('<mo stretchy="true">{</mo>', _table(rows)), _ADD


def _relation(value: Any) -> tuple[str, int]:
    return _row(_write(value.lhs), _operator(escape(_RELATIONS[value.rel_op])), _write(value.rhs)), _ADD


def _logic(value: Any) -> tuple[str, int]:
    if isinstance(value, Not):
        return _row(_operator("¬"), _write(value.args[0], _POW)), _MUL
    word = "and" if isinstance(value, And) else "or"
    return _row(f"<mtext>&#160;{word}&#160;</mtext>".join(_write(a, _ADD) for a in sp.ordered(value.args))), 0


def _function(value: Any) -> tuple[str, int]:
    if (letter := _BESSEL.get(value.func)) is not None:
        order, argument = value.args
        return _call(f"<msub><mi>{letter}</mi>{_write(order)}</msub>", [argument]), _POW
    return _call(_function_name(value), value.args), _POW


def _function_name(value: Any) -> str:
    name: str = value.func.__name__
    shown = _FUNCTIONS.get(name) or _GREEK.get(name) or name
    return f"<mi>{escape(shown)}</mi>"


def _call(head: str, arguments: Iterable[Any]) -> str:
    inner = _operator(",").join(_write(a) for a in arguments)
    return _row(head, _operator("&#x2061;"), _parenthesised(inner))


def _name(name: str) -> str:
    """A symbol, greek letters by name, what follows an underscore or a trailing number set below."""
    base, above, below = split_super_sub(name)
    letters = [_GREEK.get(part, part) for part in (str(base), *below, *above)]
    written = f"<mi>{escape(letters[0])}</mi>"
    if below or above:
        return f"<msub>{written}<mi>{escape(','.join(letters[1:]))}</mi></msub>"
    return written


def _digits(text: str) -> str:
    return f"<mn>{text}</mn>"


def _operator(symbol: str) -> str:
    return f"<mo>{symbol}</mo>"


def _row(*parts: str) -> str:
    return f"<mrow>{''.join(parts)}</mrow>"


def _fraction(top: str, bottom: str) -> str:
    return f"<mfrac>{top}{bottom}</mfrac>"


def _parenthesised(inner: str) -> str:
    return _row(_operator("("), inner, _operator(")"))


def _table(rows: Iterable[Iterable[str]]) -> str:
    lines = ("".join(f"<mtd>{cell}</mtd>" for cell in row) for row in rows)
    return f"<mtable>{''.join(f'<mtr>{line}</mtr>' for line in lines)}</mtable>"


_WRITERS: tuple[tuple[Any, Callable[[Any], tuple[str, int]]], ...] = (
    (sp.Symbol, lambda s: (_name(s.name), _POW + 1)),
    (sp.Number, _number),
    (sp.Add, _add),
    (sp.Mul, _mul),
    (sp.exp, _exp),
    (sp.Pow, _pow),
    (sp.Derivative, _derivative),
    (Piecewise, _piecewise),
    (sp.Abs, lambda a: (_row(_operator("|"), _write(a.args[0]), _operator("|")), _POW + 1)),
    (Relational, _relation),
    ((And, Or, Not), _logic),
    (sp.Function, _function),
    ((sp.Min, sp.Max), lambda m: (_call(f"<mi>{m.func.__name__.lower()}</mi>", sp.ordered(m.args)), _POW)),
)
