"""Variational least squares: networks, buckets of tested residuals and soft conditions from a declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
import sympy as sp

from ..declare.conditions import AnyCondition, Condition, Flux, Neumann, Robin
from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.collocation import prepare
from ..fields.exact_conditions import UNTOUCHED, exact_conditions
from ..fields.model import Fields
from ..forms.jets import Jets, jets_in
from ..forms.strong import strong_form
from ..forms.tested import TestedEquation, TestedForm, tested_form
from ..geometry.shapes import BOUNDARY
from ..training.least_squares import Block, LeastSquares
from ..training.schedule import read_schedule
from ..variational.blocks import Cells, Integral, Layout, Placed, TestedRows, gathered, padded, place
from ..variational.buckets import Bucket, Part
from ..variational.gram import DependentTests, Norm
from ._base import Formulation
from ._collocation import chosen_schedule, initial_fields
from ._collocation_defaults import settled
from ._collocation_weighting import EQUATIONS, weighting_rules
from ._points import Points
from ._residual import Evaluation, Residual
from ._variational_options import TestOptions, VariationalOptions

# What a solver tests with: buckets of cells, and of cells at a named boundary, for some equations.
Interior = Callable[[Sequence[Norm]], list[Bucket]]
AtBoundary = Callable[[str, Sequence[Norm]], list[Bucket]]


class Tester:
    """Makes blocks of buckets: integrands compiled once for each set of equations and boundary."""

    def __init__(self, problem: Problem, form: TestedForm, options: VariationalOptions, transforms: Any):
        self.problem, self.form, self.options, self.transforms = problem, form, options, transforms
        self._measure = float(problem.domain.measure) * (
            1.0 if problem.time is None else problem.time.end - problem.time.start
        )

    def norm(self, equation: TestedEquation) -> Norm:
        """What an equation's tests are measured by."""
        if self.options.tests.norm != "auto":
            return self.options.tests.norm
        return "gradient" if equation.second else "value"

    def block(self, name: str, bucket: Bucket, where: str | None = None) -> Block:
        """The rows of a bucket: of all equations, or of those with natural data on a named boundary."""
        chosen = [e for e in self.form.equations if where is None or where in e.natural]
        parts: list[tuple[Part, Residual, Layout]] = [(bucket.inside, *self._inside(chosen))]
        if bucket.natural is not None and where is not None:
            data = [e.natural[where] for e in chosen]
            layout = Layout(len(chosen), len(self.problem.coordinates), True, False, False)
            parts.append((bucket.natural, self._compiled(data), layout))
        if bucket.around is not None:
            parts.append((bucket.around, *self._around(chosen)))
        integrals = [
            Integral(compiled, layout, part.tables if part.shared else None)
            for part, compiled, layout in parts
        ]
        placed = [self._place(part, compiled) for part, compiled, _ in parts]
        cells = gathered(placed, bucket.whitening, bucket.times)
        return self.posed(name, TestedRows(integrals, [self.norm(e) for e in chosen]), cells)

    def posed(self, name: str, rows: TestedRows, cells: Cells) -> Block:
        """A block whose loss is Σ rows² over the domain's measure, however it is filled up."""
        count = len(cells.keep)
        capacity = _capacity(count)
        weight = self.options.weights.equations * capacity / self._measure
        return Block(name, rows, padded(cells, capacity), jnp.asarray(weight))

    def _compiled(self, expressions: Sequence[sp.Expr]) -> Residual:
        return Residual(self.problem, expressions, jets_in(*expressions))

    def _inside(self, equations: Sequence[TestedEquation]) -> tuple[Residual, Layout]:
        axes = range(len(self.problem.coordinates))
        zero = sp.S.Zero
        expressions = [e.value for e in equations]
        gradient, hessian = any(e.gradient for e in equations), any(e.hessian for e in equations)
        if gradient:
            expressions += [e.gradient[i] if e.gradient else zero for i in axes for e in equations]
        if hessian:
            pairs = product(axes, axes)
            expressions += [e.hessian[i][j] if e.hessian else zero for i, j in pairs for e in equations]
        return self._compiled(expressions), Layout(len(equations), len(axes), True, gradient, hessian)

    def _around(self, equations: Sequence[TestedEquation]) -> tuple[Residual, Layout]:
        axes = range(len(self.problem.coordinates))
        expressions = [e.across[i] if e.across else sp.S.Zero for i in axes for e in equations]
        return self._compiled(expressions), Layout(len(equations), len(axes), False, True, False)

    def _place(self, part: Part, compiled: Residual) -> Placed:
        def prepared(x: np.ndarray, normals: np.ndarray | None) -> Any:
            return prepare(self.transforms, compiled.needs, jnp.asarray(x), normals)

        return place(part.mapped, prepared, None if part.shared else part.tables)


def formulate(
    problem: Problem, options: VariationalOptions, seed: int, interior: Interior, boundary: AtBoundary
) -> Formulation:
    """The least-squares problem of tested residuals for a declaration.

    ``interior(norms)`` gives the buckets of the domain, ``boundary(name, norms)`` those at a boundary with
    natural data.
    """
    left_open = options.optimizer == "auto"
    shared, reason = settled(problem, options.as_collocation())
    read_schedule(shared.optimizer)
    form = tested_form(problem, options.form)
    conditions = exact_conditions(problem, options.conditions)
    transforms = {name: t for name, t in conditions.transform.items() if t is not UNTOUCHED}
    fields = initial_fields(problem, shared.network, seed)
    schedule, choice = chosen_schedule(shared, left_open, fields, len(problem.variables))
    soft = [(c, why) for c, why in conditions.soft if not _natural(c, form, problem)]
    rules = weighting_rules(problem, shared, len(soft), lambda cells: cells.times)
    strong = strong_form(problem)
    equations = Residual(problem, [e.residual for e in strong.equations], strong.jets)
    evaluation = Evaluation(problem, transforms)
    tester = Tester(problem, form, options, transforms)

    def pose() -> LeastSquares:
        blocks = _tested_blocks(tester, form, interior, boundary)
        points = Points(problem, shared.points, transforms, seed)
        blocks += points.conditions(soft, options.weights.conditions)
        blocks += points.observations(options.weights.observations)
        return LeastSquares(fields, blocks, linear=Fields.linear_leaves, first=Fields.first_leaves)

    return Formulation(
        fields=fields,
        pose=pose,
        schedule=schedule,
        evaluate=evaluation,
        derivatives=evaluation.derivatives,
        residuals=partial(evaluation.residuals, equations),
        parameters=Fields.parameters,
        notes=(reason, *choice, *conditions.notes, *_notes(form)),
        rules=rules,
        tolerance=options.tolerance,
        time_limit=options.time_limit,
    )


def _tested_blocks(
    tester: Tester, form: TestedForm, interior: Interior, boundary: AtBoundary
) -> list[Block]:
    norms = [tester.norm(e) for e in form.equations]
    try:
        buckets = interior(norms)
        names = [EQUATIONS, *(f"{EQUATIONS} on cells of kind {k + 1}" for k in range(1, len(buckets)))]
        blocks = [tester.block(name, bucket) for name, bucket in zip(names, buckets, strict=True)]
        for where in dict.fromkeys(w for e in form.equations for w in e.natural):
            own = [tester.norm(e) for e in form.equations if where in e.natural]
            found = boundary(where, own)
            labels = [f"flux through {where}" + (f", {k + 1}" if k else "") for k in range(len(found))]
            blocks += [tester.block(n, b, where) for n, b in zip(labels, found, strict=True)]
    except DependentTests as fault:
        tests = tester.options.tests
        raise DeclarationError(
            f"tests: {fault} (order {tests.order}, quadrature {tests.quadrature})", section="tests",
            expected="more quadrature points along an axis than tests",
            mend="leave quadrature out, or lower order",
        ) from None  # fmt: skip
    return blocks


def _natural(condition: AnyCondition, form: TestedForm, problem: Problem) -> bool:
    """Whether a condition is in the boundary integrals, whole: fluxes and slopes that tests there feel."""
    if form.weak is None or not isinstance(condition, Neumann | Robin | Flux | Condition):
        return False
    jets = Jets(problem)
    if isinstance(condition, Condition):
        found = jets_in(jets.to_jets(condition.expression))
        if not any(jets.space_order(jet) for jet in found):
            return False
    names = problem.domain.boundary_names if condition.where == BOUNDARY else (condition.where,)
    felt = {where for e in form.equations for where in e.natural}
    return set(names) <= felt and not {where for _, where in form.weak.idle} & set(names)


def _notes(form: TestedForm) -> tuple[str, ...]:
    if form.weak is None:
        return (f"the equations are tested as they stand, conditions on slopes are soft: {form.why}",)
    return form.weak.notes


def _capacity(count: int) -> int:
    """Cells with room for a few more: at most an eighth are empty."""
    step = max(1, 2 ** (int(count - 1).bit_length() - 3)) if count > 1 else 1
    return -(-count // step) * step


def time_points(tests: TestOptions) -> int:
    """Gauss points in a slab of time.

    Raises ``DeclarationError`` for fewer than the test functions need.
    """
    points = tests.time_order + 2 if tests.time_quadrature is None else tests.time_quadrature
    if points < tests.time_order:
        raise DeclarationError(
            f"tests: time_order {tests.time_order} with {points} quadrature points in time", section="tests",
            expected="as many points as tests at least",
            mend=f"time_quadrature: {tests.time_order} or more, or leave it out",
        )  # fmt: skip
    return points
