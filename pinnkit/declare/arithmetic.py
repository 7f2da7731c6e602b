"""Arithmetic of the expression language: numbers, names, vectors, + − * / and powers, each step bounded."""

from __future__ import annotations

import abc
import ast
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .bounds import Ledger, Limits, facts_fault, power_fault, value_fault
from .errors import DeclarationError, unknown_word
from .functions import ALIASES, FUNCTIONS
from .syntax import Source

CONSTANTS = {"pi": sp.pi, "E": sp.E}
OPERATORS = ("grad", "div", "dot", "laplacian", "curl", "material_derivative")
SHAPES = ("Derivative", "Piecewise")
RESERVED = frozenset({"pi", "n", "at", "True", "False", "None", *SHAPES})


def shorthand(name: str, names: Mapping[str, object]) -> sp.Expr | None:
    """The derivative that ``u_xt`` stands for where u is an unknown of x and t; else None."""
    for cut in (i for i, letter in enumerate(name) if letter == "_"):
        field = names.get(name[:cut])
        if isinstance(field, AppliedUndef):
            variables = _variables(name[cut + 1 :], {str(a): a for a in field.args})
            if variables:
                return sp.Derivative(field, *variables)
    return None


def _variables(word: str, known: Mapping[str, Any]) -> list[Any] | None:
    """A word as a chain of coordinate names, longest names first."""
    if not word:
        return []
    for name in sorted(known, key=len, reverse=True):
        if word.startswith(name) and (rest := _variables(word[len(name) :], known)) is not None:
            return [known[name], *rest]
    return None


class Arithmetic(abc.ABC):
    """One text on its way to SymPy; ``self.ledger`` knows the size of everything built so far.

    What a call means is for the subclass to say.
    """

    def __init__(
        self, text: str, names: Mapping[str, object], coordinates: Sequence[sp.Symbol], limits: Limits
    ):
        self.source, self.limits = Source(text, limits), limits
        self.names, self.coordinates = names, list(coordinates)
        self.ledger = Ledger()
        self._refuse = self.source.refuse

    def _built(self, value: Any, node: ast.AST) -> Any:
        """What was built, once it is found finite, real and of moderate size."""
        for entry in value if isinstance(value, sp.MatrixBase) else (value,):
            if fault := facts_fault(self.ledger.facts(entry), self.limits):
                self._refuse(
                    node,
                    fault,
                    "a finite, real expression of moderate size",
                    "look for a division by zero, or simplify it",
                )
        return value

    def _together(self, parts: Sequence[Any], node: ast.AST) -> None:
        """Refuse parts that are large together before SymPy sorts and merges them."""
        entries = [e for part in parts for e in (part if isinstance(part, sp.MatrixBase) else (part,))]
        size = sum(self.ledger.facts(entry).size for entry in entries)
        if size > self.limits.size:
            self._refuse(
                node,
                f"the expression grows to {size} parts",
                f"at most {self.limits.size}",
                "simplify the definitions",
            )

    def field(self) -> Any:
        """The text as a scalar or a column."""
        try:
            return self._visit(self.source.tree)
        except RecursionError:
            raise self.source.too("is nested too deeply") from None
        except DeclarationError:
            raise
        except (ArithmeticError, NotImplementedError, TypeError, ValueError) as error:
            # SymPy's own refusals, such as that of 0.0**-1.
            self._refuse(
                self.source.tree, f"{error or 'no value'}", "a finite expression", "check its values"
            )

    def scalar(self) -> sp.Expr:
        """The text as a scalar."""
        return self._scalar(self.source.tree)

    def _visit(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name():
                return self._name(node)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return self._sum(node)
            case ast.BinOp(op=ast.Mult() | ast.Div()) | ast.UnaryOp(op=ast.USub()):
                return self._product(node)
            case ast.UnaryOp(op=ast.UAdd()):
                return self._visit(node.operand)
            case ast.BinOp(op=ast.Pow()):
                return self._power(node)
            case ast.Call():
                return self._call(node)
            case ast.List():
                if not node.elts:
                    self._refuse(node, "an empty vector", "components", "write [a, b]")
                return sp.ImmutableMatrix([self._scalar(e) for e in node.elts])
            case ast.Compare() | ast.BoolOp():
                self._refuse(
                    node,
                    "a comparison is no value",
                    "an expression",
                    "use it in Piecewise((value, condition), (other, True))",
                )
        self.source.forbid(node)

    def _scalar(self, node: ast.expr) -> sp.Expr:
        value = self._visit(node)
        if isinstance(value, sp.MatrixBase):
            self._refuse(
                node,
                f"a vector of {len(value)} where a scalar belongs",
                "a scalar",
                "use dot, div or a component",
            )
        return value

    def _constant(self, node: ast.Constant) -> sp.Expr:
        value = node.value
        if type(value) is int:
            if value.bit_length() > self.limits.digits * 3.33:
                self._refuse(
                    node,
                    "the number is too long",
                    f"at most {self.limits.digits} digits",
                    "write it as 1.5e10",
                )
            return sp.Integer(value)
        if type(value) is float:
            if fault := value_fault(value, self.limits):
                self._refuse(node, fault, "a number of moderate size", "choose other units")
            return sp.Float(value)
        if isinstance(value, bool):
            self._refuse(node, "a truth value is no number", "a number", "write 1 or 0")
        what = "text in quotes" if isinstance(value, str | bytes) else f"{value!r}"
        self._refuse(node, f"{what} is not allowed", "numbers and names", "leave it out")

    def _name(self, node: ast.Name) -> Any:
        name = node.id
        if name in self.names:
            value = self.names[name]
            if isinstance(value, sp.MatrixBase | sp.Expr):
                return self._built(value, node)
        elif (derivative := shorthand(name, self.names)) is not None:
            return self._built(derivative, node)
        elif name in CONSTANTS:
            return CONSTANTS[name]
        elif name in FUNCTIONS or name in ALIASES or name in OPERATORS or name in SHAPES:
            self._refuse(node, f"{name} is a function", "its argument", f"write {name}(…)")
        self._near_shorthand(node)
        declare = f"declare {name} under `parameters` or `definitions`"
        error = unknown_word("name", name, [*self.names, *CONSTANTS], otherwise=declare)
        self._refuse(node, error.what, error.expected, error.mend)

    def _near_shorthand(self, node: ast.Name) -> None:
        """A complaint of its own for u_xz where u is an unknown but does not depend on z."""
        head, _, tail = node.id.partition("_")
        field = self.names.get(head)
        if isinstance(field, AppliedUndef) and tail:
            variables = ", ".join(str(a) for a in field.args)
            self._refuse(
                node,
                f"{tail!r} is no chain of coordinates of {head}",
                f"a derivative by {variables}",
                f"write {head}_{field.args[0]}",
            )

    def _sum(self, node: ast.BinOp) -> Any:
        # Walk down the left side in a loop: a sum of a thousand terms is a thousand levels deep.
        terms: list[tuple[ast.expr, int]] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp) and isinstance(left.op, ast.Add | ast.Sub):
            terms.append((left.right, 1 if isinstance(left.op, ast.Add) else -1))
            left = left.left
        values = [self._visit(left)]
        values += [self._visit(t) if sign > 0 else self._product(t, sign) for t, sign in reversed(terms)]
        self._together(values, node)
        columns = {len(v) if isinstance(v, sp.MatrixBase) else 0 for v in values}
        if len(columns) > 1:
            kinds = sorted("a scalar" if c == 0 else f"a vector of {c}" for c in columns)
            self._refuse(
                node,
                f"the sum of {' and '.join(kinds)}",
                "terms of one kind",
                "give every term the same number of components",
            )
        if columns == {0}:
            return self._built(sp.Add(*values), node)
        rows = zip(*values, strict=True)
        return self._built(sp.ImmutableMatrix([sp.Add(*row) for row in rows]), node)

    def _product(self, node: ast.expr, sign: int = 1) -> Any:
        # All factors enter one Mul: SymPy spreads 2*(x + y), but keeps 2*(x + y)/z, whatever the brackets.
        scalars: list[sp.Expr] = [sp.Integer(-1)] if sign < 0 else []
        columns: list[sp.MatrixBase] = []
        for factor, power in self._factors(node):
            value = factor if isinstance(factor, sp.Basic) else self._visit(factor)
            if isinstance(value, sp.MatrixBase):
                columns.append(value)
                if power < 0:
                    self._refuse(
                        node,
                        "division by a vector",
                        "a scalar below the line",
                        "divide by a component or by dot(a, a)",
                    )
            elif power < 0:
                if value.is_zero:
                    self._refuse(
                        node, "division by zero", "a nonzero denominator", "check what stands below the line"
                    )
                scalars.append(self._raise(value, sp.Integer(-1), node))
            else:
                scalars.append(value)
        if len(columns) > 1:
            self._refuse(node, "the product of two vectors", "a scalar times a vector", "write dot(a, b)")
        self._together([*scalars, *columns], node)
        product = self._built(sp.Mul(*scalars), node)
        if not columns:
            return product
        return self._built(sp.ImmutableMatrix([sp.Mul(*scalars, entry) for entry in columns[0]]), node)

    def _factors(self, node: ast.expr) -> list[tuple[ast.expr | sp.Integer, int]]:
        """Factors of a chain of * and /, each with its power 1 or −1, from left to right."""
        found: list[tuple[ast.expr | sp.Integer, int]] = []
        stack: list[tuple[ast.expr, int]] = [(node, 1)]
        while stack:
            part, power = stack.pop()
            if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Mult | ast.Div):
                right = -power if isinstance(part.op, ast.Div) else power
                stack += [(part.right, right), (part.left, power)]
            elif isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
                found.append((sp.Integer(-1), power))
                stack.append((part.operand, power))
            else:
                found.append((part, power))
        return found

    def _power(self, node: ast.BinOp) -> sp.Expr:
        return self._raise(self._scalar(node.left), self._scalar(node.right), node)

    def _raise(self, base: sp.Expr, exponent: sp.Expr, node: ast.AST) -> sp.Expr:
        if fault := power_fault(base, exponent, self.ledger, self.limits):
            self._refuse(
                node,
                fault,
                f"finite powers, exponents up to {self.limits.exponent:g}",
                "write a smaller power",
            )
        return self._built(sp.Pow(base, exponent), node)

    @abc.abstractmethod
    def _call(self, node: ast.Call) -> Any:
        """A function, operator or other name with arguments."""
