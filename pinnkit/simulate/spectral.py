"""Pseudo-spectral exponential time differencing on periodic boxes, on exponax's steppers."""

from __future__ import annotations

from typing import Any

import exponax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from exponax.etdrk import ETDRK4
from exponax.nonlin_fun import BaseNonlinearFun
from jax import Array

from ..declare.problem import Problem
from ..forms import EvolutionForm, FormUnavailable, Jet, Jets, evolution_form
from ..forms.jets import JetSymbol
from .grid import Grid
from .simulator import Inputs, Program, Simulator

_CONTOUR = 32  # points on the circle that the coefficients are averaged over (Kassam & Trefethen 2005)


class _Nonlinear(BaseNonlinearFun):
    """The rest of the evolution form, evaluated at the nodes; the last channel is the time."""

    simulator: Any
    inputs: Any
    derivatives: Array
    form: Any
    rest: Any

    def __init__(self, simulator: Spectral, inputs: Inputs, derivatives: Array):
        super().__init__(
            simulator.grid_dimension, simulator.grid.counts[0], dealiasing_fraction=simulator.dealiasing
        )
        self.simulator, self.inputs, self.derivatives = simulator, inputs, derivatives
        self.form, self.rest = simulator.form, simulator.rest

    def __call__(self, u_hat: Array) -> Array:
        """The transformed rest for the transformed states and time."""
        t = u_hat[-1].reshape(-1)[0].real / self.num_points**self.num_spatial_dims
        jets = {}
        for jet in self.rest.jets:
            state = self.form.state_of(jet)
            if state is not None:
                factor = _factor(jet, self.derivatives)
                jets[jet] = self.ifft((factor * u_hat[state])[None])[0]
        mesh = [jnp.asarray(c) for c in self.simulator.grid.mesh()]
        values = self.rest(mesh, t, self.inputs, jets)
        shape = self.simulator.grid.counts
        rates = self.fft(jnp.stack([jnp.broadcast_to(v, shape) for v in values]))
        clock = jnp.zeros_like(u_hat[:1]).reshape(1, -1).at[0, 0].set(float(np.prod(shape)))
        return jnp.concatenate([rates, clock.reshape(u_hat[:1].shape)])


class _ComplexETDRK4(ETDRK4):
    """ETDRK4 for any linear operator.

    exponax keeps the real part of the coefficients, which are complex where the operator is: of odd
    derivatives (KdV) its scheme is of first order only.
    """

    def __init__(self, dt: Any, linear_operator: Array, nonlinear_fun: BaseNonlinearFun):
        super().__init__(dt, linear_operator, nonlinear_fun)
        circle = jnp.exp(2j * jnp.pi * (jnp.arange(_CONTOUR) + 0.5) / _CONTOUR)
        z = linear_operator * dt + circle.reshape(-1, *(1,) * linear_operator.ndim)
        e = jnp.exp(z)
        phi = jnp.mean((jnp.exp(z / 2) - 1) / z, axis=0)
        self._coef_1 = self._coef_2 = self._coef_3 = dt * phi
        self._coef_4 = dt * jnp.mean((-4 - z + e * (4 - 3 * z + z**2)) / z**3, axis=0)
        self._coef_5 = dt * jnp.mean((2 + z + e * (z - 2)) / z**3, axis=0)
        self._coef_6 = dt * jnp.mean((-4 - 3 * z - z**2 + e * (4 - z)) / z**3, axis=0)


class _Stepper(exponax.BaseStepper):
    """One step of ETDRK4 for the states and the time."""

    simulator: Any
    inputs: Any

    def __init__(self, simulator: Spectral, dt: Any, inputs: Inputs):
        self.simulator, self.inputs = simulator, inputs
        super().__init__(
            simulator.grid_dimension, 2 * np.pi, simulator.grid.counts[0], dt,
            num_channels=len(simulator.states) + 1, order=0,
        )  # fmt: skip
        derivatives = exponax.spectral.build_derivative_operator(
            self.num_spatial_dims, self.domain_extent, self.num_points
        )
        parts = self._build_linear_operator(derivatives), self._build_nonlinear_fun(derivatives)
        self._integrator = _ComplexETDRK4(dt, *parts)

    def _build_linear_operator(self, derivative_operator: Array) -> Array:
        return self.simulator.linear(self.simulator.scaled(derivative_operator), self.inputs)

    def _build_nonlinear_fun(self, derivative_operator: Array) -> BaseNonlinearFun:
        return _Nonlinear(self.simulator, self.inputs, self.simulator.scaled(derivative_operator))


class Spectral(Simulator):
    """Constant coefficients exactly, the rest by ETDRK4 (Cox & Matthews 2002; Kassam & Trefethen 2005).

    A coupling between states goes to the explicit part. Products of degree p are dealiased by keeping
    2/(p + 1) of the modes. Raises ``FormUnavailable`` where a coordinate is not periodic.
    """

    order = 8  # nominal: the error falls faster than any power

    def __init__(self, problem: Problem, counts: tuple[int, ...]):
        if len(problem.periodic) < len(problem.coordinates):
            raise FormUnavailable(
                f"a spectral simulation of {problem.name!r}", reason="the domain has walls",
                mend="use finite differences or finite volumes",
            )  # fmt: skip
        self.problem = problem
        self.grid = Grid.of(problem, (max(counts),) * len(counts))
        self.grid_dimension = len(counts)
        self.form: EvolutionForm = evolution_form(problem)
        self.states = self.form.states
        own, rest = _diagonal(self.form, problem)
        self._linear = [[(jet, Program(problem, [c])) for jet, c in row] for row in own]
        self.rest = Program(problem, rest)
        self.dealiasing = 2 / (max(_degree(r, self.form) for r in rest) + 1)

    def scaled(self, derivatives: Array) -> Array:
        """∂ along every axis in Fourier space, on the sides of this box."""
        sides = np.subtract(self.grid.upper, self.grid.lower).reshape(-1, *(1,) * self.grid_dimension)
        return derivatives * (2 * np.pi / sides)

    def linear(self, derivatives: Array, inputs: Inputs) -> Array:
        """L by state, and zero for the time."""
        shape = derivatives.shape[1:]
        at, t = [jnp.zeros(())] * self.grid_dimension, jnp.zeros(())
        rows = []
        for row in self._linear:
            terms = [p(at, t, inputs, {})[0] * _factor(jet, derivatives) for jet, p in row]
            rows.append(jnp.broadcast_to(sum(terms, jnp.zeros((), complex)), shape))
        return jnp.stack([*rows, jnp.zeros(shape, complex)])

    def stepper(self, dt: Any, inputs: Inputs) -> exponax.BaseStepper:
        """One step of the states with the time as last channel."""
        return _Stepper(self, dt, inputs)

    def rate(self, t: Any, values: Array, inputs: Inputs) -> Array:
        derivatives = self.scaled(
            exponax.spectral.build_derivative_operator(self.grid_dimension, 2 * np.pi, self.grid.counts[0])
        )
        clocked = self.with_time(values, t)
        u_hat = exponax.fft(clocked, num_spatial_dims=self.grid_dimension)
        total = self.linear(derivatives, inputs) * u_hat + _Nonlinear(self, inputs, derivatives)(u_hat)
        found = exponax.ifft(total, num_spatial_dims=self.grid_dimension, num_points=self.grid.counts[0])
        return found[:-1]

    def with_time(self, values: Array, t: Any) -> Array:
        """The states and, constant in space, the time."""
        return jnp.concatenate([values, jnp.full_like(values[:1], 1.0) * t])

    def extended(self, values: Array, t: Any, inputs: Inputs, pad: int) -> Array:
        wide = [(0, 0)] + [(pad, pad)] * self.grid_dimension
        return jnp.pad(values, wide, mode="wrap")


def _diagonal(
    form: EvolutionForm, problem: Problem
) -> tuple[list[list[tuple[Jet, sp.Expr]]], list[sp.Expr]]:
    """The linear terms of each rate in its own state, and the rest with the others."""
    jets = Jets(problem)
    own, rests = [], []
    for position, (row, rest) in enumerate(zip(form.linear, form.rest, strict=True)):
        own.append([(jet, c) for jet, c in row if form.state_of(jet) == position])
        others = [c * jets.symbol(jet) for jet, c in row if form.state_of(jet) != position]
        rests.append(sp.Add(rest, *others))
    return own, rests


def _degree(expression: sp.Expr, form: EvolutionForm) -> int:
    """The degree in the states' jets; two where it is no polynomial."""
    symbols = [s for s in expression.atoms(JetSymbol) if form.state_of(s.jet) is not None]
    if not symbols:
        return 1
    polynomial = expression.as_poly(*symbols)
    return 2 if polynomial is None else max(1, polynomial.total_degree())


def _factor(jet: Jet, derivatives: Array) -> Array:
    factor = jnp.ones(derivatives.shape[1:], complex)
    for axis, n in enumerate(jet.index[:-1]):
        factor = factor * derivatives[axis] ** n
    return factor
