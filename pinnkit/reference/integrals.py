"""Integrals, means and point values of a discrete solution, by the quadrature of its own mesh."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from ..declare.quantities import AVERAGE, DOMAIN, Quantity
from ..declare.symbols import normal
from ..forms.jets import Jet
from ..forms.quantities import density, on_boundary
from ..geometry.quadrature import gauss_legendre
from ..solution.quantities import moments
from .assembly import sampled
from .base import ReferenceUnavailable
from .elements import Array
from .fields import DiscreteField
from .integration import IntegrationSet
from .kernels import Channel, Integrand, Kernel, Symbols, second_axes

# Quadrature on cells and facets: of products of shape functions, and of what is smooth beside them.
_EXTRA_ORDER = 4
_MOST_VALUES = 5e7  # at quadrature points and times, for an average that follows every step
_FEWEST_PANELS, _STEPS_A_PANEL = 6, 16
_AT_ONCE = 2_000_000  # values at quadrature points and times that are held in memory


def discrete_value(
    problem: Problem, quantity: Quantity, field: DiscreteField, domains: list[IntegrationSet] | None = None
) -> float:
    """The number on one level, over ``domains`` in place of its own where they are given."""
    wanted = density(quantity, problem)
    if wanted.expression == 0:
        return 0.0
    symbols = Symbols(
        problem.coordinates,
        problem.time,
        tuple(normal(c) for c in problem.coordinates),
        {symbol: _channel(jet, problem, field) for jet, symbol in wanted.symbols.items()},
        {p: p.value for p in problem.parameters},
    )
    zero = (sp.S.Zero,) * len(problem.coordinates)
    kernel = Kernel([Integrand(0, zero, wanted.expression)], symbols)
    domains = domains or _domains(quantity, field)
    rates = max((c.rate for c in symbols.channels.values()), default=0)
    times, shares = _times(problem, quantity, field, sum(domain.weights.size for domain in domains))
    total, measure = 0.0, sum(float(domain.weights.sum()) for domain in domains)
    for domain in domains:
        step = max(1, _AT_ONCE // (domain.weights.size * (1 + len(symbols.channels))))
        for start in range(0, len(shares), step):
            part = shares[start : start + step]
            total += part @ _integrals(kernel, domain, field, times[start : start + step], rates)
    return total / measure if quantity.mean else total


def _integrals(
    kernel: Kernel, domain: IntegrationSet, field: DiscreteField, times: Array, rates: int
) -> Array:
    """∫ of a kernel's source at each time (m,); one for a steady field."""
    if field.trajectory is None:
        states: list[Array] = [field.coefficients] if field.coefficients is not None else []
        moment: Array | float = 0.0
    else:
        states = [field.trajectory.at(times, rate) for rate in range(rates + 1)]
        moment = times[:, None, None]
    (values,) = sampled(kernel, domain, field.product, moment, states)
    sums = (np.asarray(values) * domain.weights).sum(axis=(-2, -1))
    return np.broadcast_to(np.atleast_1d(sums), (max(len(times), 1),))


def _channel(jet: Jet, problem: Problem, field: DiscreteField) -> Channel:
    dimension = len(problem.coordinates)
    if jet.unknown not in field.names:
        raise ReferenceUnavailable(
            f"a quantity holds {jet.unknown}",
            reason="the reference does not know it",
            mend="leave it out, or give a reference that does",
        )
    axes = [i for i, order in enumerate(jet.index[:dimension]) for _ in range(order)]
    rate = jet.order - len(axes)
    if len(axes) == 2:
        axis = 1 + dimension + second_axes(dimension).index((axes[0], axes[1]))
    else:
        axis = axes[0] + 1 if axes else 0
    return Channel(field.names.index(jet.unknown), axis, rate)


def _domains(quantity: Quantity, field: DiscreteField) -> list[IntegrationSet]:
    mesh = field.product.mesh
    order = 2 * max(s.degree for s in field.product.spaces) + _EXTRA_ORDER
    if quantity.over == DOMAIN:
        return [chunk for part in IntegrationSet.in_parts(mesh, order) for chunk in part.chunks()]
    if on_boundary(quantity):
        return IntegrationSet.of_facets(mesh, mesh.named(str(quantity.over)), order)
    cells, place = field.located(np.array([quantity.at]))
    return [at_point(field, cells, np.ascontiguousarray(place.T))]


def _times(problem: Problem, quantity: Quantity, field: DiscreteField, size: int) -> tuple[Array, Array]:
    """Times and shares that add up to one; averages follow the steps of the solution.

    Where that is too much work for ``size`` points, they take a rule that grows with the number of steps: the
    levels of refinement then show its error too.
    """
    moving = field.trajectory
    if moving is None or quantity.time != AVERAGE:
        return moments(problem, quantity, 1)
    if 3 * len(moving.times) * size > _MOST_VALUES:
        return moments(problem, quantity, max(_FEWEST_PANELS, len(moving.times) // _STEPS_A_PANEL))
    nodes, weights = gauss_legendre(3)
    shares = np.diff(moving.times)[:, None] * weights / (moving.times[-1] - moving.times[0])
    return moving.moments(nodes).ravel(), shares.ravel()


def at_point(field: DiscreteField, cell: Array, place: Array) -> IntegrationSet:
    """A point as a domain of one cell (1,): ``place`` (d, 1) in the coordinates of that."""
    mesh = field.product.mesh
    inverse = np.linalg.inv(mesh.jacobian(cell, place))
    return IntegrationSet(cell, place, mesh.map(cell, place), np.ones((1, 1)), inverse)
