"""From SymPy to arrays: the one compiler of expressions, for NumPy and JAX alike.

The namespace is an argument. Every distinct subexpression becomes one step of a straight-line program,
so common subexpressions are computed once; nothing is printed to source or evaluated as text.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from types import ModuleType
from typing import Any, cast

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.core.relational import Relational
from sympy.logic.boolalg import Boolean, BooleanAtom, BooleanFunction

from ..declare.regions import InRegion
from . import functions
from .errors import FormUnavailable
from .jets import replaced

Operation = Callable[..., Any]
Emitted = Callable[..., tuple[Any, ...]]

_RELATIONS = {
    sp.Eq: "equal", sp.Ne: "not_equal", sp.Gt: "greater", sp.Ge: "greater_equal",
    sp.Lt: "less", sp.Le: "less_equal",
}  # fmt: skip
_LOGIC = {sp.And: "logical_and", sp.Or: "logical_or", sp.Xor: "logical_xor"}
_SMOOTH = (
    sp.sin, sp.cos, sp.tanh, sp.atan, sp.asinh, sp.erf, sp.Abs, sp.sign, sp.Heaviside, sp.Min, sp.Max,
)  # fmt: skip
_PROBES = (0.618, 1.618, -0.618, 3.7, 0.013, -2.3)


def emit(expressions: Sequence[sp.Basic], arguments: Sequence[sp.Symbol], namespace: ModuleType) -> Emitted:
    """Compile expressions into one function of arrays.

    ``emit([f, g], [x, y], numpy)(xs, ys)`` returns (f, g) as arrays of the common shape of all arguments
    and of their floating type; ``namespace`` is ``numpy`` or ``jax.numpy``. Heaviside(0) is 1/2. A branch
    of a Piecewise is evaluated only at points where it holds, so its poles elsewhere leave no NaN, in
    gradients neither; the gradient of a square root at zero is taken as zero.

    Raises ``FormUnavailable`` naming what has no array counterpart, ``ValueError`` for a symbol that is no
    argument.
    """
    expressions, arguments = [sp.sympify(e) for e in expressions], list(arguments)
    foreign = set().union(*(e.free_symbols for e in expressions)) - set(arguments) if expressions else set()
    if foreign:
        names = ", ".join(sorted(str(s) for s in foreign))
        raise ValueError(f"emit: {names} not among the arguments ({', '.join(str(a) for a in arguments)})")
    program = _Program(arguments, namespace)
    results = [program.add(e, program.outermost) for e in expressions]
    return program.finish(results)


class _Scope:
    """What stands for each argument: itself, or its guarded stand-in within a branch of a Piecewise."""

    def __init__(self, slots: dict[sp.Basic, int]):
        self.known: dict[sp.Basic, int] = dict(slots)


class _Program:
    """Steps (operation, operand slots), each filling the next slot; the arguments fill the first ones."""

    def __init__(self, arguments: list[sp.Symbol], namespace: ModuleType):
        self.xp = namespace
        self.library = functions.Library(namespace)
        self.arguments = arguments
        self.steps: list[tuple[Operation, tuple[int, ...]]] = []
        self.constants: dict[Any, int] = {}
        self.outermost = _Scope({a: i for i, a in enumerate(arguments)})

    def step(self, operation: Operation, *operands: int) -> int:
        self.steps.append((operation, operands))
        return len(self.arguments) + len(self.steps) - 1

    def constant(self, value: float | bool) -> int:
        key = (type(value), repr(value))
        if key not in self.constants:
            self.constants[key] = self.step(lambda: value)
        return self.constants[key]

    def add(self, expression: sp.Basic, scope: _Scope) -> int:
        """The slot of an expression, with the steps that fill it."""
        if expression in scope.known:
            return scope.known[expression]
        if isinstance(expression, BooleanAtom):
            return self.constant(bool(expression))
        if not expression.free_symbols and not isinstance(expression, Boolean):
            return self.constant(_number(expression))
        slot = self._compound(expression, scope)
        scope.known[expression] = slot
        return slot

    def _compound(self, expression: sp.Basic, scope: _Scope) -> int:
        if isinstance(expression, sp.Add):
            return self._sum(expression, scope)
        if isinstance(expression, sp.Mul):
            return self._product(expression, scope)
        if isinstance(expression, sp.Pow):
            return self._power(expression, scope)
        if isinstance(expression, sp.Piecewise):
            return self._piecewise(expression, scope)
        if isinstance(expression, Relational):
            operation = getattr(self.xp, _RELATIONS[expression.func])
            return self.step(operation, *(self.add(a, scope) for a in expression.args))
        if isinstance(expression, BooleanFunction):
            return self._logic(expression, scope)
        if isinstance(expression, InRegion):
            operands = [self.add(a, scope) for a in expression.args]
            return self.step(self.library.looked_up(expression), *operands)
        if isinstance(expression, (AppliedUndef, sp.Derivative, sp.Integral, sp.Subs)):
            raise FormUnavailable(
                f"the value of {expression}",
                reason="it is no expression in the arguments",
                mend="rewrite unknowns and their derivatives in jets first",
            )
        return self._function(expression, scope)

    def _sum(self, expression: sp.Add, scope: _Scope) -> int:
        signed = [(t.as_coeff_Mul()[0] == -1, t) for t in expression.args]
        signed.sort(key=lambda s: s[0])  # a positive term first, so that the rest can be subtracted
        total: int | None = None
        for negative, term in signed:
            if total is None:
                total = self.add(term, scope)
            elif negative:
                total = self.step(self.xp.subtract, total, self.add(-term, scope))
            else:
                total = self.step(self.xp.add, total, self.add(term, scope))
        assert total is not None
        return total

    def _product(self, expression: sp.Mul, scope: _Scope) -> int:
        if expression.as_coeff_Mul()[0] == -1:
            return self.step(self.xp.negative, self.add(-expression, scope))
        above, below = [], []
        for factor in expression.args:
            inverted = isinstance(factor, sp.Pow) and factor.exp.is_Number and factor.exp.is_negative
            (below if inverted else above).append(1 / factor if inverted else factor)
        top = self._multiply(above, scope) if above else self.constant(1.0)
        return self.step(self.xp.divide, top, self._multiply(below, scope)) if below else top

    def _multiply(self, factors: list[sp.Expr], scope: _Scope) -> int:
        slots = [self.add(f, scope) for f in factors]
        return reduce(lambda a, b: self.step(self.xp.multiply, a, b), slots)

    def _power(self, expression: sp.Pow, scope: _Scope) -> int:
        base, exponent = expression.args
        if exponent.is_Number and exponent.is_negative:
            return self.step(self.xp.divide, self.constant(1.0), self.add(base**-exponent, scope))
        if exponent.is_Number and float(2 * exponent).is_integer() and exponent <= 64:
            whole, odd = divmod(int(2 * exponent), 2)
            slot = self.add(base, scope)
            if not odd:
                return self._raise(slot, whole)
            root = self.step(self.library.square_root, slot)
            return self.step(self.xp.multiply, self._raise(slot, whole), root) if whole else root
        return self.step(self.xp.power, self.add(base, scope), self.add(exponent, scope))

    def _raise(self, base: int, exponent: int) -> int:
        """A whole power by repeated squaring."""
        result: int | None = None
        while exponent:
            if exponent & 1:
                result = base if result is None else self.step(self.xp.multiply, result, base)
            exponent >>= 1
            if exponent:
                base = self.step(self.xp.multiply, base, base)
        return self.constant(1.0) if result is None else result

    def _logic(self, expression: BooleanFunction, scope: _Scope) -> int:
        if isinstance(expression, sp.Not):
            return self.step(self.xp.logical_not, self.add(expression.args[0], scope))
        if isinstance(expression, sp.ITE):
            return self.step(self.xp.where, *(self.add(a, scope) for a in expression.args))
        if expression.func not in _LOGIC:
            raise FormUnavailable(
                f"the condition {expression}",
                reason=f"{expression.func.__name__} has no array counterpart",
                mend="write it with &, | and ~",
            )
        operation = getattr(self.xp, _LOGIC[expression.func])
        return reduce(lambda a, b: self.step(operation, a, b), [self.add(a, scope) for a in expression.args])

    def _piecewise(self, expression: sp.Piecewise, scope: _Scope) -> int:
        branches: list[tuple[int, int]] = []
        open_yet: int | None = None  # where no earlier branch holds
        for value, condition in (pair.args for pair in expression.args):
            holds = self.add(condition, scope)
            here = holds if open_yet is None else self.step(self.xp.logical_and, holds, open_yet)
            if value.has(sp.zoo, sp.nan):  # left by substituting into a branch that does not hold
                slot = self.constant(float("nan"))
            else:
                slot = self.add(value, self._guarded(value, here, scope))
            branches.append((holds, slot))
            closed = self.step(self.xp.logical_not, holds)
            open_yet = closed if open_yet is None else self.step(self.xp.logical_and, closed, open_yet)
        result = self.constant(float("nan"))
        for holds, slot in reversed(branches):
            result = self.step(self.xp.where, holds, slot, result)
        return result

    def _guarded(self, value: sp.Basic, here: int, scope: _Scope) -> _Scope:
        """A scope in which each argument is itself where the branch holds, and harmless elsewhere."""
        symbols = sorted(cast(set[sp.Symbol], value.free_symbols), key=str)
        harmless = None if _smooth_everywhere(value) else _regular_point(value, symbols)
        if harmless is None:
            return scope
        return _Scope({
            s: self.step(self.xp.where, here, self.add(s, scope), self.constant(h))
            for s, h in zip(symbols, harmless, strict=True)
        })  # fmt: skip

    def _function(self, expression: sp.Basic, scope: _Scope) -> int:
        plain = functions.rewritten(expression)
        if plain is not None:
            return self.add(plain, scope)
        fixed, varying = functions.split_arguments(expression)
        operation = self.library.operation(expression, fixed)
        return self.step(operation, *(self.add(a, scope) for a in varying))

    def finish(self, results: list[int]) -> Emitted:
        """The program as a function; values are dropped after their last use."""
        xp, steps, count = self.xp, self.steps, len(self.arguments)
        last: dict[int, int] = {}
        for position, (_, operands) in enumerate(steps):
            last.update(dict.fromkeys(operands, position))
        drop: list[list[int]] = [[] for _ in steps]
        for slot, position in last.items():
            if slot not in results:
                drop[position].append(slot)

        def evaluate(*values: Any) -> tuple[Any, ...]:
            if len(values) != count:
                raise TypeError(f"{len(values)} arrays for the {count} arguments {self.arguments}")
            given = [xp.asarray(v) for v in values]
            shape = xp.broadcast_shapes(*(g.shape for g in given))
            kind = xp.result_type(*given, 1.0)
            slots: list[Any] = [xp.asarray(g, dtype=kind) for g in given] + [None] * len(steps)
            with np.errstate(all="ignore"):  # what is not finite is judged by whoever asked for it
                for position, (operation, operands) in enumerate(steps):
                    slots[count + position] = operation(*(slots[o] for o in operands))
                    for slot in drop[position]:
                        slots[slot] = None
            return tuple(xp.broadcast_to(xp.asarray(slots[r], dtype=kind), shape) for r in results)

        return evaluate


def _number(expression: sp.Basic) -> float:
    """The value of a constant expression."""
    value = expression.evalf(17) if isinstance(expression, sp.Expr) else sp.nan
    if value in (sp.nan, sp.oo, -sp.oo) or (isinstance(value, sp.Number) and abs(value) < 1e308):
        return float(cast(sp.Number, value))
    reason = "it has no numerical value"
    if value.is_Number:
        reason = "it exceeds all floating numbers"
    elif value.has(sp.zoo):
        reason = "it divides by zero"
    elif value.has(sp.I):
        reason = "it is not real"
    raise FormUnavailable(f"the constant {expression}", reason=reason, mend="check the expression")


def _smooth_everywhere(expression: sp.Basic) -> bool:
    """Whether an expression is finite with its derivatives at every finite point."""
    for node in sp.preorder_traversal(expression):
        if isinstance(node, sp.Pow):
            if not (node.exp.is_Integer and node.exp >= 0):
                return False
        elif not isinstance(node, (sp.Add, sp.Mul, *_SMOOTH)) and node.args:
            return False
    return True


def _regular_point(expression: sp.Basic, symbols: list[sp.Symbol]) -> list[float] | None:
    """A generic point at which an expression is finite and real, if one of a few is."""
    for probe in _PROBES:
        point = [probe + 0.07 * i for i in range(len(symbols))]
        numbers = dict(zip(symbols, map(sp.Float, point), strict=True))
        try:
            value = replaced(cast(sp.Expr, expression), numbers).evalf()
        except TypeError:  # SymPy compares complex numbers in a branch that does not hold
            continue
        if value.is_Number and value.is_finite:
            return point
    return None
