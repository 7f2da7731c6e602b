"""Which derivatives of each unknown an expression holds, once every derivative is carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .bounds import work
from .errors import DeclarationError
from .symbols import Time

# Terms beyond which carrying out the derivatives would take seconds.
MANY = 2e6


@dataclass(frozen=True)
class Orders:
    """Derivatives of one unknown."""

    space: int = 0
    """Highest total order in space."""
    time: int = 0
    """Highest order in time."""
    along: frozenset[sp.Symbol] = frozenset()
    """Coordinates in a space derivative of order two or more, pure or mixed."""
    bare: bool = False
    """Whether the unknown stands somewhere without a derivative."""

    def __or__(self, other: Orders) -> Orders:
        return Orders(
            max(self.space, other.space),
            max(self.time, other.time),
            self.along | other.along,
            self.bare or other.bare,
        )


def carried_out(expression: sp.Basic, what: str) -> Any:
    """The expression with all its derivatives applied to unknowns alone.

    Raises ``DeclarationError`` where that would grow beyond reason.
    """
    if work(expression) > MANY:
        raise DeclarationError(
            f"{what}: too large to carry out its derivatives",
            expected="derivatives of moderate expressions",
            mend="introduce an unknown for the inner part, or lower the order",
        )
    return expression.doit()


def orders(expressions: Iterable[sp.Expr]) -> dict[AppliedUndef, Orders]:
    """Derivatives of every unknown in expressions that are carried out."""
    found: dict[Any, Orders] = {}
    for expression in expressions:
        for part in _outermost(expression):
            field = part.expr if isinstance(part, sp.Derivative) else part
            found[field] = found.get(field, Orders()) | _orders_of(part)
    return found


def _outermost(expression: sp.Basic) -> set[Any]:
    """Unknowns and derivatives of unknowns that do not stand within a derivative."""
    found: set[Any] = set()
    walk = sp.preorder_traversal(expression)
    for part in walk:
        if isinstance(part, sp.Derivative | AppliedUndef):
            found.add(part)
            walk.skip()
    return found


def _orders_of(part: Any) -> Orders:
    if isinstance(part, AppliedUndef):
        return Orders(bare=True)
    counts = {variable: int(count) for variable, count in part.variable_count}
    space = {v: n for v, n in counts.items() if not isinstance(v, Time)}
    total = sum(space.values())
    along = frozenset(space) if total >= 2 else frozenset()
    return Orders(total, sum(counts.values()) - total, along)
