"""Array counterparts of SymPy's functions in an array namespace and its library of special functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from importlib import import_module
from types import ModuleType
from typing import Any, cast

import numpy as np
import sympy as sp

from ..declare.regions import InRegion
from .errors import FormUnavailable
from .host import on_host

_SPECIAL_HOME = {"numpy": "scipy.special", "jax.numpy": "jax.scipy.special", "torch": "torch.special"}

_ELEMENTARY = {
    "sin": "sin", "cos": "cos", "tan": "tan", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "atan2": "arctan2", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "exp": "exp", "log": "log", "Abs": "abs", "sign": "sign",
    "floor": "floor", "ceiling": "ceil", "Mod": "mod",
}  # fmt: skip
_SPECIAL = {
    "erf": "erf", "erfc": "erfc", "erfinv": "erfinv", "gamma": "gamma", "loggamma": "gammaln",
    "digamma": "digamma", "polygamma": "polygamma", "beta": "beta", "besselj": "jv", "bessely": "yv",
    "besseli": "iv", "besselk": "kv", "Ei": "expi", "expint": "expn", "zeta": "zeta",
    "elliptic_k": "ellipk", "elliptic_e": "ellipe",
    "airyai": "Ai", "airyaiprime": "Ai'", "airybi": "Bi", "airybiprime": "Bi'",
}  # fmt: skip
_AIRY = ("Ai", "Ai'", "Bi", "Bi'")  # the order in which scipy.special.airy returns them
_ORDER_FIRST = ("polygamma", "besselj", "bessely", "besseli", "besselk", "expint")
_REWRITTEN = {
    "sec": lambda x: 1 / sp.cos(x), "csc": lambda x: 1 / sp.sin(x), "cot": lambda x: sp.cos(x) / sp.sin(x),
    "sech": lambda x: 1 / sp.cosh(x), "csch": lambda x: 1 / sp.sinh(x), "coth": lambda x: 1 / sp.tanh(x),
    "acot": lambda x: sp.atan(1 / x), "asec": lambda x: sp.acos(1 / x), "acsc": lambda x: sp.asin(1 / x),
    "acoth": lambda x: sp.atanh(1 / x), "asech": lambda x: sp.acosh(1 / x),
    "acsch": lambda x: sp.asinh(1 / x), "factorial": lambda x: sp.gamma(x + 1),
}  # fmt: skip


def rewritten(expression: sp.Basic) -> sp.Expr | None:
    """The same value by simpler functions, where there are any; all arguments are real."""
    if expression.func is sp.Heaviside and expression.args[1] != sp.S.Half:
        argument, at_zero = expression.args
        return sp.Piecewise((0, sp.Lt(argument, 0)), (at_zero, sp.Eq(argument, 0)), (1, True))
    rule = _REWRITTEN.get(expression.func.__name__)
    return rule(*expression.args) if rule else None


def split_arguments(expression: sp.Basic) -> tuple[int | None, tuple[sp.Basic, ...]]:
    """A whole number that stands first as an order (of a Bessel function, say), and the arrays after it."""
    name, args = expression.func.__name__, expression.args
    if name in _ORDER_FIRST and args[0].is_Integer:
        return int(cast(sp.Integer, args[0])), args[1:]
    if name == "Heaviside":
        return None, args[:1]
    return None, args


class Library:
    """The functions of one namespace, such as ``numpy`` or ``jax.numpy``."""

    def __init__(self, namespace: ModuleType):
        self.xp = namespace

    def operation(self, expression: sp.Basic, order: int | None) -> Callable[..., Any]:
        """The array function of a SymPy function, its whole-number order filled in.

        Raises ``FormUnavailable`` naming a function without counterpart.
        """
        name = expression.func.__name__
        if name in ("Min", "Max"):
            pairwise = self.xp.minimum if name == "Min" else self.xp.maximum
            return lambda *values: reduce(pairwise, values)
        if name == "Heaviside":
            return self._heaviside
        if name == "sinc":
            return lambda x: self.xp.sinc(x / math.pi)
        if name in _ELEMENTARY:
            return getattr(self.xp, _ELEMENTARY[name])
        found = self._special(_SPECIAL[name], order) if name in _SPECIAL else None
        if name == "DiracDelta":
            raise FormUnavailable(
                f"the value of {expression}", reason="a jump was differentiated",
                mend="smooth the jump, or use a method of the weak form with the coefficient within div()",
            )
        if found is None:
            raise FormUnavailable(
                f"the function {name} in {expression}",
                reason=f"{self.xp.__name__} and {_SPECIAL_HOME[self.xp.__name__]} have no counterpart of it",
                mend="write it by other functions, or give tabulated values",
            )
        return found

    def looked_up(self, expression: InRegion) -> Callable[..., Any]:
        """Whether points lie in a region, which only the host knows; JAX asks it whenever it computes."""
        if self.xp.__name__ == "numpy":
            return expression.values

        def ask(*coordinates: Any) -> Any:
            shape = self.xp.broadcast_shapes(*(c.shape for c in coordinates))
            found = on_host(expression.values, shape, np.int32, *coordinates)
            return found.astype(self.xp.result_type(*coordinates, 1.0))

        return ask

    def square_root(self, x: Any) -> Any:
        """√x; the gradient at zero is zero rather than infinite, below zero the value is NaN."""
        xp = self.xp
        positive = x > 0
        return xp.where(positive, xp.sqrt(xp.where(positive, x, 1.0)), xp.where(x < 0, xp.nan, 0.0))

    def _heaviside(self, x: Any) -> Any:
        return (self.xp.sign(x) + 1.0) / 2.0

    def _special(self, name: str, order: int | None) -> Callable[..., Any] | None:
        module = import_module(_SPECIAL_HOME[self.xp.__name__])
        if name in _AIRY:
            return (lambda x: module.airy(x)[_AIRY.index(name)]) if hasattr(module, "airy") else None
        if name == "polygamma" and order == 0:
            return module.digamma
        if hasattr(module, name):
            function = getattr(module, name)
            return function if order is None else lambda x: function(order, x)
        if name == "jv" and order is not None:
            return lambda x: self._bessel_j(order, x)
        if name == "iv" and order in (0, 1):
            return getattr(module, f"i{order}")
        return None

    def _bessel_j(self, order: int, x: Any) -> Any:
        """Jₙ by the trapezoidal rule on Bessel's integral, which converges exponentially.

        Jₙ(x) = (1/π) ∫₀^π cos(nτ − x sin τ) dτ (NIST DLMF 10.9.2): with 128 nodes exact to rounding
        for |x| ≤ 200; beyond the value is NaN.
        """
        nodes = 128
        angles = (self.xp.arange(nodes) + 0.5) * (math.pi / nodes)
        waves = self.xp.cos(order * angles - x[..., None] * self.xp.sin(angles))
        return self.xp.where(self.xp.abs(x) <= 200.0, self.xp.mean(waves, axis=-1), self.xp.nan)
