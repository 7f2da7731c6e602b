"""What emitted functions promise: shapes, types, harmless branches, and refusals that name the culprit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import sympy as sp

from pinnkit.forms import FormUnavailable, emit

x, y = sp.symbols("x y", real=True)


def test_constants_take_the_common_shape() -> None:
    one, product = emit([sp.Integer(1), x * y], [x, y], np)(np.ones((4, 1)), np.full(3, 2.0))
    assert one.shape == product.shape == (4, 3)
    assert np.all(one == 1)
    assert np.all(product == 2)


@pytest.mark.parametrize("namespace", [np, jnp])
def test_single_precision_stays_single(namespace) -> None:
    values = emit([x / 3, sp.pi, sp.Heaviside(x)], [x], namespace)(namespace.ones(2, dtype="float32"))
    assert {str(v.dtype) for v in values} == {"float32"}


def test_no_expressions_give_an_empty_tuple() -> None:
    assert emit([], [x], np)(np.ones(2)) == ()


@pytest.mark.parametrize("namespace", [np, jnp])
def test_jumps_take_the_middle_at_zero(namespace) -> None:
    at = namespace.asarray([-1.0, 0.0, 2.0])
    step, ramp = emit([sp.Heaviside(x), sp.Heaviside(x, 1)], [x], namespace)(at)
    np.testing.assert_array_equal(step, [0, 0.5, 1])
    np.testing.assert_array_equal(ramp, [0, 1, 1])


def test_a_branch_is_not_evaluated_where_it_does_not_hold() -> None:
    cusp = sp.Piecewise((sp.sqrt(x) * sp.log(x), x > 0), (1 / (x - 2), True))
    with np.errstate(all="raise"):
        (values,) = emit([cusp], [x], np)(np.array([-1.0, 0.0, 1.0, 2.0]))
    np.testing.assert_allclose(values, [-1 / 3, -1 / 2, 0, np.sqrt(2) * np.log(2)])
    with jax.enable_x64(True):
        function = emit([cusp], [x], jnp)
        slopes = jax.vmap(jax.grad(lambda a: function(a)[0]))(jnp.array([-1.0, 0.0, 1.0]))
    np.testing.assert_allclose(slopes, [-1 / 9, -1 / 4, 1.0])


def test_a_branch_within_a_branch_is_guarded_too() -> None:
    inner = sp.Piecewise((sp.log(y), y > 0), (sp.sqrt(-y) / x, True))
    with np.errstate(all="raise"):
        (values,) = emit([sp.Piecewise((inner / x, x > 0), (0, True))], [x, y], np)(
            np.array([0.0, 1.0, 2.0, 0.0]), np.array([-1.0, 1.0, -4.0, 0.0])
        )
    np.testing.assert_allclose(values, [0, 0, 0.5, 0])


def test_roots_have_finite_gradients_at_zero() -> None:
    with jax.enable_x64(True):
        function = emit([sp.sqrt(x**2 + y**2)], [x, y], jnp)
        assert jax.grad(lambda a: function(a, 0.0)[0])(0.0) == 0.0
    (values,) = emit([sp.sqrt(x)], [x], np)(np.array([-1.0, 0.0, 4.0]))
    np.testing.assert_array_equal(values, [np.nan, 0.0, 2.0])


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_bessel_functions_on_jax(order: int) -> None:
    at = np.concatenate([[0.0, 1e-8], np.linspace(-190, 190, 400)])
    with jax.enable_x64(True):
        (values,) = emit([sp.besselj(order, x)], [x], jnp)(jnp.asarray(at))
    np.testing.assert_allclose(values, scipy.special.jv(order, at), atol=1e-13)


def test_special_functions_on_both() -> None:
    kinds = (sp.erf, sp.erfc, sp.gamma, sp.loggamma, sp.digamma, sp.Ei)
    functions = [*(f(x) for f in kinds), sp.besseli(0, x)]
    at = np.array([0.3, 1.0, 2.5])
    expected = np.array([[float(f.subs(x, a).evalf(20)) for a in at] for f in functions])
    np.testing.assert_allclose(emit(functions, [x], np)(at), expected, rtol=1e-12)
    with jax.enable_x64(True):
        np.testing.assert_allclose(emit(functions, [x], jnp)(jnp.asarray(at)), expected, rtol=1e-9)


def test_works_under_jit_and_vmap() -> None:
    with jax.enable_x64(True):
        function = emit([sp.Piecewise((x**2, x > y), (sp.exp(y), True))], [x, y], jnp)
        batched = jax.jit(jax.vmap(lambda a, b: function(a, b)[0]))
        np.testing.assert_allclose(batched(jnp.array([2.0, 0.0]), jnp.array([1.0, 1.0])), [4.0, np.e])


@pytest.mark.parametrize(
    ("expression", "culprit"),
    [
        (sp.DiracDelta(x), "DiracDelta"),
        (sp.LambertW(x), "LambertW"),
        (sp.Function("g")(x), r"g\(x\)"),
        (sp.Derivative(sp.Function("g")(x), x), r"Derivative\(g\(x\), x\)"),
        (x * sp.sqrt(-2), "not real"),
        (x * sp.Integer(10) ** 400, "exceeds"),
    ],
)
def test_what_has_no_counterpart_is_named(expression: sp.Expr, culprit: str) -> None:
    with pytest.raises(FormUnavailable, match=culprit):
        emit([expression], [x], np)


def test_bessel_functions_missing_on_jax_are_refused_there_only() -> None:
    emit([sp.bessely(0, x)], [x], np)
    with pytest.raises(FormUnavailable, match=r"bessely.*\n.*jax\.scipy\.special"):
        emit([sp.bessely(0, x)], [x], jnp)


def test_foreign_symbols_and_wrong_counts_are_mistakes_of_the_caller() -> None:
    with pytest.raises(ValueError, match="y not among the arguments"):
        emit([x + y], [x], np)
    with pytest.raises(TypeError, match="1 arrays for the 2 arguments"):
        emit([x + y], [x, y], np)(1.0)
