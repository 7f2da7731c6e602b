"""Quantities of interest of a reference, each with an error bar of its own where one can be had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from ..declare.quantities import Quantity
from ..declare.symbols import Parameter
from ..forms.emit import Emitted, emit
from ..forms.jets import Index
from ..forms.quantities import density, on_boundary, with_formulas
from ..solution.quantities import Estimate, by_quadrature, moments, passed_on
from .base import QuantityUnavailable
from .elements import Array
from .error_bar import SLOWEST
from .fields import DiscreteField
from .integrals import discrete_value
from .point_errors import point_errors
from .reactions import Reactions

if TYPE_CHECKING:
    from .data import DataReference
    from .exact import ExactReference

_PANELS = 24
# Numbers are not averaged over the domain as norms are, so their sequences are less regular.
_SAFETY = 3.0
# Linear solves end at 1e-12 of their load, and slopes multiply that by the number of cells across.
_ROUNDING = 1e-10


def fem_quantities(
    problem: Problem, levels: Sequence[DiscreteField], bars: Mapping[str, float]
) -> dict[str, Estimate]:
    """Every quantity of the last of ``levels``, each twice as fine as the one before, with its error bar.

    By the mesh's own quadrature, on curved facets with their own normals; what ``Reactions`` know by the
    equations. The bar is Richardson's estimate
    for the number itself, formulas included; for values at points see ``point_errors``, to which ``bars``,
    the relative errors of the unknowns, go. Raises ``QuantityUnavailable`` for what is not finite.
    """
    reactions = Reactions(problem)

    def value(quantity: Quantity, level: DiscreteField) -> float:
        found = reactions.value(quantity, level)
        return discrete_value(problem, quantity, level) if found is None else found

    values = [with_formulas(problem, lambda q, level=level: value(q, level)) for level in levels]
    scatter = point_errors(problem, levels[-1], values[-1], bars)
    degree = min(space.degree for space in levels[-1].product.spaces)
    found = {}
    for quantity in problem.quantities:
        numbers = [value[quantity.name] for value in values]
        _finite(quantity, numbers[-1], "finite elements")
        bar = max(scalar_bar(numbers, degree), scatter[quantity.name])
        found[quantity.name] = Estimate(numbers[-1], bar)
    return found


def scalar_bar(values: Sequence[float], degree: int) -> float:
    """Estimated error of the last of a sequence of numbers, from meshes each twice as fine.

    As for fields, d/(ρ − 1) with d the last difference and ρ the factor by which differences shrink, at most
    2^{p+1}. Two numbers may agree by chance, when they pass each other on the way: d is not taken to be less
    than the difference before it leaves at the best rate of functionals, 2^{2p}. Where numbers pass back and
    forth, no rate is trusted, and the bar is no less than the last difference.
    """
    size = max(map(abs, values))
    if len(values) < 2:
        return float("nan")
    last = abs(values[-1] - values[-2])
    ratio = SLOWEST
    if len(values) > 2:
        before = abs(values[-2] - values[-3])
        last = max(last, before / 4.0**degree)
        to_and_fro = (values[-1] - values[-2]) * (values[-2] - values[-3]) < 0
        best = 1 + _SAFETY if to_and_fro else 2.0 ** (degree + 1)
        ratio = float(np.clip(before / max(last, 1e-300), SLOWEST, best))
    return max(_SAFETY * last / (ratio - 1), _ROUNDING * size)


def exact_quantities(reference: ExactReference) -> dict[str, Estimate]:
    """Every quantity of formulas, by quadrature on the exact shape.

    Raises ``QuantityUnavailable`` for what is not finite.
    """
    problem = reference.problem
    known = {p: sp.Float(p.value, 17) for p in problem.parameters}
    formulas = {n: sp.sympify(reference.expressions[n]).doit().xreplace(known) for n in reference.names}

    @cache
    def emitted(indices: tuple[Index, ...]) -> Emitted:
        pairs = [[(v, n) for v, n in zip(problem.variables, i, strict=True) if n] for i in indices]
        wanted = [sp.diff(f, *by) if by else f for f in formulas.values() for by in pairs]
        return emit(wanted, list(problem.variables), np)

    def derivatives(points: Array, indices: tuple[Index, ...]) -> dict[str, Array]:
        columns = np.stack(emitted(indices)(*points.T), axis=1)
        count = len(indices)
        return {n: columns[:, k * count : (k + 1) * count] for k, n in enumerate(formulas)}

    sought = {q.name: q.expression.atoms(Parameter) for q in problem.quantities}
    inferred = {n: [p.name for p in found if p.infer] for n, found in sought.items()}
    missing = {n: f"the true {names[0]} is not known" for n, names in inferred.items() if names}
    found = by_quadrature(problem, derivatives, missing=missing)
    for quantity in problem.quantities:
        if not found[quantity.name].missing:
            _finite(quantity, found[quantity.name].value, "the exact solution")
    return found


def data_quantities(reference: DataReference) -> dict[str, Estimate]:
    """What values without derivatives allow: means and integrals over the domain, and values at points.

    With the error that is stated for the data; quadrature and interpolation are not counted.
    """
    problem = reference.problem
    missing: dict[str, str] = {}

    def single(quantity: Quantity) -> float:
        jets = density(quantity, problem).jets
        strange = [jet.unknown for jet in jets if jet.unknown not in reference.names]
        if any(jet.order for jet in jets):
            missing[quantity.name] = "data hold no derivatives"
        elif strange:
            missing[quantity.name] = f"the data hold no {strange[0]}"
        elif on_boundary(quantity):
            missing[quantity.name] = "data hold no boundary"
        else:
            return _tabulated(problem, quantity, reference)
        return float("nan")

    values = with_formulas(problem, single)
    beyond = [q.name for q in problem.quantities if q.kind != "formula" and not np.isfinite(values[q.name])]
    lacking = passed_on(problem, dict.fromkeys(beyond, "the data do not reach there") | missing)
    share = max(reference.error_bar.values(), default=0.0)
    return {n: Estimate(v, share * abs(v), lacking.get(n, "")) for n, v in values.items()}


def _tabulated(problem: Problem, quantity: Quantity, reference: DataReference) -> float:
    """At the data's own points with their own weights, or interpolated at the one point."""
    wanted = density(quantity, problem)
    compute = wanted.emitted(problem, {})
    space, weights = reference.table.points, np.ones(1)
    if quantity.at is not None:
        space = np.array([quantity.at])
    else:
        weights = reference.weights[: len(space)] / reference.weights[: len(space)].sum()
        weights = weights if quantity.mean else weights * problem.domain.measure
    times, shares = moments(problem, quantity, _PANELS)
    total = 0.0
    for k, share in enumerate(shares):
        at = np.column_stack([space, np.full(len(space), times[k])]) if len(times) else space
        values = reference.evaluate(at)
        columns = [values[jet.unknown] for jet in wanted.jets]
        jets = np.stack(columns, axis=1) if columns else np.empty((len(at), 0))
        total += share * float(weights @ compute(at, None, jets))
    return total


def _finite(quantity: Quantity, value: float, where: str) -> None:
    if not np.isfinite(value):
        raise QuantityUnavailable(
            quantity,
            f"quantity {quantity.name!r} is not finite for {where}",
            reason=f"it comes out as {value}",
            mend="check its expression for divisions by zero and roots of negative numbers",
        )
