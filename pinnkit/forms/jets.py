"""Jets: an unknown's derivatives as plain symbols, so that calculus on equations is calculus on symbols.

A jet ∂^α u is the pair (unknown, multi-index α over ``problem.variables``, space then time). Total
derivatives act on expressions in jets by Dᵢ = ∂/∂xᵢ + Σ u_{α+eᵢ} ∂/∂u_α (Olver, Applications of Lie
Groups to Differential Equations, 1993, eq. 2.36).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import sympy as sp
from sympy.core.function import AppliedUndef

from ..declare.problem import Problem
from ..declare.symbols import normal
from .errors import FormUnavailable

Index = tuple[int, ...]


@dataclass(frozen=True, order=True)
class Jet:
    """The derivative of an unknown by a multi-index over ``problem.variables``; zero index, the unknown."""

    unknown: str
    index: Index

    @property
    def order(self) -> int:
        """Total order of differentiation."""
        return sum(self.index)

    def raised(self, direction: int, by: int = 1) -> Jet:
        """The jet differentiated ``by`` times more (or less) along one variable."""
        index = list(self.index)
        index[direction] += by
        return Jet(self.unknown, tuple(index))


class JetSymbol(sp.Symbol):
    """The symbol of a jet; differs from every symbol of the user, even from one of the same name."""

    __slots__ = ("jet",)

    jet: Jet

    def __new__(cls, name: str, jet: Jet) -> JetSymbol:
        symbol = sp.Symbol.__xnew__(cls, name, real=True)
        symbol.jet = jet
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.name, self.jet), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.jet)

    @classmethod
    def class_key(cls) -> tuple[int, int, str]:
        """Jets print after their coefficients: ν·u_xx, exp(x)·u."""
        return 9, 0, cls.__name__


def jet_symbol(jet: Jet, problem: Problem) -> JetSymbol:
    """The symbol of a jet, named as problem files write the derivative: u, u_xx, u_xt."""
    names = "".join(v.name * n for v, n in zip(problem.variables, jet.index, strict=True))
    return JetSymbol(f"{jet.unknown}_{names}" if names else jet.unknown, jet)


def jets_in(*expressions: sp.Basic) -> tuple[Jet, ...]:
    """All jets that occur, by unknown and index."""
    found = {s.jet for e in expressions for s in e.atoms(JetSymbol)}
    return tuple(sorted(found, key=lambda j: (j.unknown, j.order, tuple(-i for i in j.index))))


def replaced(expression: sp.Expr, rules: Mapping[Any, Any]) -> sp.Expr:
    """An expression with parts of it replaced, all at once."""
    return cast(sp.Expr, expression.xreplace(rules))


def variable_counts(derivative: sp.Derivative) -> list[tuple[sp.Basic, int]]:
    """By what a derivative is taken, and how often.

    Raises ``FormUnavailable`` where that is no number.
    """
    pairs = [pair.args for pair in derivative.variable_count]
    if not all(count.is_Integer for _, count in pairs):
        raise FormUnavailable(
            f"the derivative {derivative}", reason="its order is no number", mend="write a whole number"
        )
    return [(variable, int(cast(sp.Integer, count))) for variable, count in pairs]


class Jets:
    """The two-way map between a problem's expressions and expressions in jets, and calculus on the latter."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.variables = problem.variables
        names = problem.unknown_names
        self.unknowns: dict[str, AppliedUndef] = dict(zip(names, problem.unknowns, strict=True))
        self._symbols: dict[Jet, JetSymbol] = {}

    @property
    def normals(self) -> tuple[sp.Symbol, ...]:
        """n_x, …: the outward unit normal."""
        return tuple(normal(x) for x in self.problem.coordinates)

    @property
    def space(self) -> range:
        """Positions of the space coordinates among the variables."""
        return range(len(self.problem.coordinates))

    def zero(self, unknown: str) -> Jet:
        """The unknown itself as a jet."""
        return Jet(unknown, (0,) * len(self.variables))

    def symbol(self, jet: Jet) -> sp.Expr:
        """The symbol of a jet; zero where the unknown does not depend on a variable of the index."""
        arguments = self.unknowns[jet.unknown].args
        if any(n and v not in arguments for v, n in zip(self.variables, jet.index, strict=True)):
            return sp.S.Zero
        if jet not in self._symbols:
            self._symbols[jet] = jet_symbol(jet, self.problem)
        return self._symbols[jet]

    def space_order(self, jet: Jet) -> int:
        """Order of differentiation in space."""
        return sum(jet.index[i] for i in self.space)

    def time_order(self, jet: Jet) -> int:
        """Order of differentiation in time."""
        return jet.order - self.space_order(jet)

    def total_derivative(self, expression: sp.Expr, direction: int, times: int = 1) -> sp.Expr:
        """Dᵢ of an expression in jets, ``times`` over."""
        for _ in range(times):
            terms = [sp.diff(expression, self.variables[direction])]
            for symbol in sorted(expression.atoms(JetSymbol), key=lambda s: s.jet):
                terms.append(sp.diff(expression, symbol) * self.symbol(symbol.jet.raised(direction)))
            expression = sp.Add(*terms)
        return expression

    def derivative(self, expression: sp.Expr, index: Index) -> sp.Expr:
        """D^α of an expression in jets."""
        for direction, times in enumerate(index):
            expression = self.total_derivative(expression, direction, times)
        return expression

    def divergence(self, flux: tuple[sp.Expr, ...]) -> sp.Expr:
        """Σ Dᵢ Fᵢ over as many variables as F has entries."""
        return sp.Add(*(self.total_derivative(f, i) for i, f in enumerate(flux)))

    def euler(self, expression: sp.Expr, unknown: str) -> sp.Expr:
        """Euler operator E_u L = Σ_α (−D)^α ∂L/∂u_α; zero for every unknown ⇔ L is a total divergence.

        ``sympy.euler_equations`` drops equations that come out True or False, so that a pure reaction
        term passes for a divergence; this one returns the expression itself (Olver 1993, theorem 4.7).
        """
        terms = []
        for symbol in sorted(expression.atoms(JetSymbol), key=lambda s: s.jet):
            if symbol.jet.unknown == unknown:
                slope = self.derivative(sp.diff(expression, symbol), symbol.jet.index)
                terms.append((-1) ** symbol.jet.order * slope)
        return sp.expand(sp.Add(*terms))

    def to_jets(self, expression: Any) -> sp.Expr:
        """An expression with unknowns and (also unevaluated) derivatives rewritten in jets."""
        expression = sp.sympify(expression)
        if isinstance(expression, AppliedUndef):
            return self._unknown(expression)
        if isinstance(expression, sp.Derivative):
            inner = self.to_jets(expression.expr)
            for variable, count in variable_counts(expression):
                if variable not in self.variables:
                    names = ", ".join(v.name for v in self.variables)
                    raise FormUnavailable(
                        f"the derivative {expression}",
                        reason=f"it is not by {names}",
                        mend="differentiate by the coordinates or the time of the unknowns",
                    )
                inner = self.total_derivative(inner, self.variables.index(variable), count)
            return inner
        if isinstance(expression, (sp.Integral, sp.Subs, sp.Sum, sp.Product)):
            raise FormUnavailable(
                f"the term {expression}",
                reason=f"{type(expression).__name__} is no local expression in unknowns and derivatives",
                mend="write it out, or introduce an unknown with its own equation",
            )
        if not expression.args or not expression.has(AppliedUndef, sp.Integral, sp.Derivative, sp.Subs):
            return expression
        return expression.func(*(self.to_jets(a) for a in expression.args))

    def _unknown(self, applied: AppliedUndef) -> sp.Expr:
        name = applied.func.__name__
        if self.unknowns.get(name) != applied:
            raise FormUnavailable(
                f"the term {applied}",
                reason="an unknown is taken elsewhere than at its own coordinates",
                mend=f"write {self.unknowns[name]}" if name in self.unknowns else "declare it as an unknown",
            )
        return self.symbol(self.zero(name))

    def from_jets(self, expression: sp.Expr) -> sp.Expr:
        """The inverse of ``to_jets``: derivatives of the unknowns in place of their symbols."""
        return replaced(expression, {s: self.field(s.jet) for s in expression.atoms(JetSymbol)})

    def field(self, jet: Jet) -> sp.Expr:
        """A jet as SymPy writes it: u(x, t) or its Derivative."""
        pairs = [(v, n) for v, n in zip(self.variables, jet.index, strict=True) if n]
        applied = self.unknowns[jet.unknown]
        return sp.Derivative(applied, *pairs) if pairs else applied
