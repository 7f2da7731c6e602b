"""Emitted NumPy and JAX against SymPy's own evaluation, on random expressions."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pinnkit.forms import emit

x, y = sp.symbols("x y", real=True)
_UNARY = (
    sp.sin, sp.cos, sp.tanh, sp.exp, sp.atan, sp.erf, sp.Abs, sp.sign, sp.Heaviside, sp.sinc, sp.asinh,
    lambda e: sp.sqrt(1 + e**2), lambda e: sp.log(2 + e**2), lambda e: 1 / (3 + sp.sin(e)), lambda e: e**5,
    lambda e: sp.besselj(1, e / (1 + e**2)), lambda e: (1 + e**2) ** sp.Rational(-3, 2),
)  # fmt: skip
_BINARY = (
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, sp.Min, sp.Max, lambda a, b: a / (2 + b**2),
    lambda a, b: sp.Piecewise((a, x > y), (b, True)),
    lambda a, b: sp.Piecewise((sp.log(x) * a, x > 0), (b, (y < 1) & (x > -1)), (a / y, True)),
)  # fmt: skip
_NUMBERS = st.fractions(-3, 3, max_denominator=8).map(lambda f: sp.Rational(f.numerator, f.denominator))
_LEAVES = st.one_of(st.sampled_from([x, y, sp.pi]), _NUMBERS)
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda f, a: f(a), st.sampled_from(_UNARY), inner),
        st.builds(lambda f, a, b: f(a, b), st.sampled_from(_BINARY), inner, inner),
    ),
    max_leaves=8,
)
_POINTS = [(0.3, -1.2), (-0.7, 0.4), (1.9, 2.3), (-2.1, -0.05)]


def _exact(expression: sp.Expr, point: tuple[float, float]) -> float:
    """SymPy's value, NaN where it is not real or near enough a jump or a kink to fall on either side."""
    at = {x: sp.Rational(str(point[0])), y: sp.Rational(str(point[1]))}
    value = expression.subs(at).evalf(30)
    return float(value) if value.is_number and value.is_real and value.is_finite else math.nan


def _near_a_jump(expression: sp.Expr, point: tuple[float, float]) -> bool:
    at = {x: sp.Rational(str(point[0])), y: sp.Rational(str(point[1]))}
    switches = [f.args[0] for f in expression.atoms(sp.Heaviside, sp.sign)]
    switches += [r.lhs - r.rhs for r in expression.atoms(sp.core.relational.Relational)]
    return any(abs(_exact(s, point)) < 1e-9 for s in switches if s.subs(at).is_number)


@settings(deadline=None, max_examples=150)
@given(_EXPRESSIONS)
def test_values_agree_with_sympy(expression: sp.Expr) -> None:
    assume(not expression.has(sp.nan, sp.zoo, sp.oo, sp.I))
    points = [p for p in _POINTS if not _near_a_jump(expression, p)]
    expected = np.array([_exact(expression, p) for p in points])
    kept = np.isfinite(expected) & (np.abs(expected) < 1e6)
    assume(kept.any())
    columns = np.array(points)[kept].T
    (values,) = emit([expression], [x, y], np)(*columns)
    np.testing.assert_allclose(values, expected[kept], rtol=1e-9, atol=1e-11)
    with jax.enable_x64(True):
        (on_jax,) = emit([expression], [x, y], jnp)(*map(jnp.asarray, columns))
    np.testing.assert_allclose(on_jax, expected[kept], rtol=1e-9, atol=1e-11)


@settings(deadline=None, max_examples=40)
@given(_EXPRESSIONS)
def test_gradients_agree_with_sympy(expression: sp.Expr) -> None:
    slope = sp.diff(expression, x)
    assume(not slope.has(sp.DiracDelta, sp.nan, sp.zoo, sp.oo, sp.I, sp.Derivative, sp.Subs))
    smooth = [p for p in _POINTS if not _near_a_jump(expression, p) and not _near_a_jump(slope, p)]
    expected = np.array([_exact(slope, p) for p in smooth])
    values = np.array([_exact(expression, p) for p in smooth])
    kept = np.isfinite(expected) & (np.abs(expected) < 1e6) & np.isfinite(values)
    assume(kept.any())
    with jax.enable_x64(True):
        function = emit([expression], [x, y], jnp)
        gradient = jax.vmap(jax.grad(lambda a, b: function(a, b)[0]))
        found = gradient(*map(jnp.asarray, np.array(smooth)[kept].T))
    np.testing.assert_allclose(found, expected[kept], rtol=1e-8, atol=1e-10)
