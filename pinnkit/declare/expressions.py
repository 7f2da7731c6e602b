"""Text to SymPy by a whitelist over Python's syntax tree: nothing is ever run, sizes are bounded.

Numbers, names from a given mapping, + − * / **, the functions of ``functions.py``, ``Piecewise``,
comparisons with and/or/not, lists as vectors, the operators grad, div, dot, laplacian, curl and
material_derivative, ``Derivative(u, x, 2)`` and its shorthand ``u_xx``. Everything else is refused, with
the place in the text and what to write instead.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from . import operators
from .arithmetic import OPERATORS, SHAPES, Arithmetic
from .bounds import Limits, value_fault
from .errors import DeclarationError, unknown_word
from .functions import ALIASES, FUNCTIONS
from .symbols import Parameter
from .syntax import excerpt, sides

LIMITS = Limits()
_RELATIONS: dict[type[ast.cmpop], Callable[..., sp.Basic]] = {
    ast.Lt: sp.Lt, ast.LtE: sp.Le, ast.Gt: sp.Gt, ast.GtE: sp.Ge, ast.Eq: sp.Eq, ast.NotEq: sp.Ne,
}  # fmt: skip


def parse(
    text: str, names: Mapping[str, object], coordinates: Sequence[sp.Symbol] = (), limits: Limits = LIMITS
) -> Any:
    """The expression that ``text`` stands for, over the given names.

    ``names`` maps to symbols, unknowns, expressions and columns; ``coordinates`` are the space coordinates
    that grad, div and their like differentiate by. Raises ``DeclarationError``.
    """
    if len(found := sides(text, limits)) > 1:
        raise DeclarationError(
            f"`{excerpt(text)}` has an equals sign", expected="an expression",
            mend="move everything to one side; a comparison is written ==",
        )  # fmt: skip
    return _Parser(found[0], names, coordinates, limits).field()


def parse_equation(
    text: str, names: Mapping[str, object], coordinates: Sequence[sp.Symbol] = (), limits: Limits = LIMITS
) -> tuple[Any, Any]:
    """Both sides of ``lhs = rhs``; an expression alone is taken to equal zero."""
    found = sides(text, limits)
    if len(found) > 2:
        raise DeclarationError(
            f"`{excerpt(text)}` has {len(found) - 1} equals signs", expected="lhs = rhs",
            mend="write one equation at a time",
        )  # fmt: skip
    fields = [_Parser(side, names, coordinates, limits).field() for side in found]
    return fields[0], fields[1] if len(fields) == 2 else sp.S.Zero


def parse_number(text: str, limits: Limits = LIMITS) -> float:
    """The value of a constant expression such as ``0.01/pi``."""
    parser = _Parser(sides(text, limits)[0], {}, (), limits)
    expression = parser.scalar()
    if fault := value_fault(parser.ledger.value(expression), limits):
        raise DeclarationError(f"`{excerpt(text)}`: {fault}", expected="a number", mend="write a number")
    return float(expression)


class _Parser(Arithmetic):
    """The whole language: arithmetic, calls of functions and operators, Piecewise and derivatives."""

    def _call(self, node: ast.Call) -> Any:
        if not isinstance(node.func, ast.Name):
            if isinstance(node.func, ast.Attribute | ast.Subscript | ast.Lambda):
                self._visit(node.func)
            self._refuse(
                node,
                "only named functions can be called",
                "a function such as sin(x)",
                "write * for a product",
            )
        if node.keywords:
            self._refuse(node, "named arguments are not allowed", "arguments in order", "leave the names out")
        name = ALIASES.get(node.func.id, node.func.id)
        if name == "Piecewise":
            return self._piecewise(node)
        if name == "Derivative":
            return self._derivative(node)
        if name in OPERATORS:
            return self._operator(name, node)
        if name not in FUNCTIONS:
            if name in self.names:
                self._refuse(
                    node,
                    f"{name} is no function",
                    "a function such as sin(x)",
                    f"write {name} alone, or {name}*(…) for a product",
                )
            error = unknown_word("function", name, [*FUNCTIONS, *OPERATORS, *SHAPES])
            self._refuse(node, error.what, "a function of the problem language, such as sin(x)", error.mend)
        return self._function(name, node)

    def _function(self, name: str, node: ast.Call) -> sp.Expr:
        function = FUNCTIONS[name]
        self._count(name, node, *function.arguments)
        arguments = [self._scalar(a) for a in node.args]
        self._together(arguments, node)
        if all(self.ledger.facts(a).constant for a in arguments):
            # Its value first, in floats: SymPy would work out gamma(10**9) or compare exp(exp(99)) exactly.
            values = [self.ledger.value(a) for a in arguments]
            with np.errstate(all="ignore"):
                value = float(function.numeric(*values))
            if fault := value_fault(value, self.limits):
                self._refuse(node, fault, "a finite real value", "check the argument")
        return self._built(function.symbolic(*arguments), node)

    def _count(self, name: str, node: ast.Call, low: int, high: int) -> None:
        if not low <= len(node.args) <= high:
            wanted = f"{low}" if low == high else f"{low} to {high}"
            self._refuse(
                node,
                f"{name} with {len(node.args)} argument(s)",
                f"{wanted} argument(s)",
                "check the commas and brackets",
            )

    def _operator(self, name: str, node: ast.Call) -> Any:
        self._count(name, node, *((2, 2) if name in ("dot", "material_derivative") else (1, 1)))
        arguments = [self._visit(a) for a in node.args]
        if name != "dot":
            arguments.append(self.coordinates)
        try:
            return self._built(getattr(operators, name)(*arguments), node)
        except DeclarationError as error:
            self._refuse(node, error.what, error.expected, error.mend)

    def _derivative(self, node: ast.Call) -> sp.Expr:
        if len(node.args) < 2:
            self._refuse(
                node,
                "Derivative without a coordinate",
                "Derivative(u, x) or Derivative(u, x, 2)",
                "name the coordinate",
            )
        field, variables = self._scalar(node.args[0]), []
        for argument in node.args[1:]:
            value = self._scalar(argument)
            if isinstance(value, sp.Symbol) and not isinstance(value, Parameter):
                variables.append([value, 1])
            elif variables and value.is_Integer and 1 <= value <= self.limits.derivative:
                variables[-1][1] = int(value)
            else:
                self._refuse(
                    argument,
                    "no coordinate to differentiate by",
                    f"coordinates, each with an order up to {self.limits.derivative}",
                    "write Derivative(u, x, 2)",
                )
        order = self.ledger.facts(field).order + sum(count for _, count in variables)
        if order > self.limits.derivative:
            self._refuse(
                node,
                f"derivatives of order {order} are too high",
                f"at most {self.limits.derivative}",
                "lower the order",
            )
        return self._built(sp.Derivative(field, *((v, n) for v, n in variables)), node)

    def _piecewise(self, node: ast.Call) -> sp.Expr:
        pairs = []
        for argument in node.args:
            if not isinstance(argument, ast.Tuple) or len(argument.elts) != 2:
                self._refuse(
                    argument,
                    "no pair of value and condition",
                    "(value, condition)",
                    "write Piecewise((1, x < 0), (2, True))",
                )
            value, condition = argument.elts
            pairs.append((self._scalar(value), self._condition(condition)))
        if not pairs or len(pairs) > 32:
            self._refuse(
                node,
                f"Piecewise with {len(pairs)} pieces",
                "1 to 32 pieces",
                "write Piecewise((1, x < 0), (2, True))",
            )
        return self._built(sp.Piecewise(*pairs), node)

    def _condition(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool()):
                return sp.true if node.value else sp.false
            case ast.Compare():
                return self._compare(node)
            case ast.BoolOp():
                combine = sp.And if isinstance(node.op, ast.And) else sp.Or
                if len(node.values) <= 16:
                    return combine(*(self._condition(v) for v in node.values))
            case ast.UnaryOp(op=ast.Not()):
                return sp.Not(self._condition(node.operand))
            case ast.BinOp(op=ast.BitAnd() | ast.BitOr()) | ast.UnaryOp(op=ast.Invert()):
                self._visit(node)
        self._refuse(node, "no condition", "comparisons joined by and, or, not", "write x < 0")

    def _compare(self, node: ast.Compare) -> sp.Basic:
        sides = [self._scalar(side) for side in (node.left, *node.comparators)]
        links = []
        for operator, left, right in zip(node.ops, sides, sides[1:], strict=False):
            if type(operator) not in _RELATIONS:
                self._refuse(node, "no comparison of numbers", "<, <=, >, >=, == or !=", "write x < 0")
            links.append(_RELATIONS[type(operator)](left, right))
        return links[0] if len(links) == 1 else sp.And(*links)
