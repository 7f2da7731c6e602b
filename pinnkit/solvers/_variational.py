"""Variational least squares: networks, buckets of tested residuals and soft conditions from a declaration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, NamedTuple, Protocol

import jax.numpy as jnp
import numpy as np
import sympy as sp

from ..declare.conditions import AnyCondition, Condition, Flux, Neumann, Robin
from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.collocation import prepare
from ..forms.jets import Jets, jets_in
from ..forms.tested import TestedEquation, TestedForm, tested_form
from ..geometry.shapes import BOUNDARY
from ..training.least_squares import Block, LeastSquares
from ..variational.blocks import Cells, Integral, Layout, Placed, TestedRows, gathered, padded, place
from ..variational.buckets import Bucket, Part
from ..variational.gram import DependentTests, Norm
from ._base import Formulation, Upon
from ._collocation_weighting import EQUATIONS, weighting_rules
from ._points import Points
from ._residual import Residual
from ._setup import Setup
from ._variational_options import TestOptions, VariationalOptions


class Tests(Protocol):
    """What a solver tests with: buckets of cells, and of cells at a named boundary, by norms of equations."""

    __test__ = False

    def interior(self, norms: Sequence[Norm]) -> list[Bucket]: ...

    def boundary(self, where: str, norms: Sequence[Norm]) -> list[Bucket]: ...


@dataclass(frozen=True)
class _CellsAtOnce:
    """How many cells a pass for the gradient takes at a time."""

    residual: Residual
    points: int

    def __call__(self, fields: Any) -> int:
        return max(1, self.residual.points_at_once(fields) // self.points)


class _Integrand(NamedTuple):
    residual: Residual
    layout: Layout


class Tester:
    """Makes blocks of buckets. What is compiled for cells of one kind and order serves others of them.

    ``growing`` says that the cells will become more.
    """

    def __init__(
        self,
        problem: Problem,
        form: TestedForm,
        options: VariationalOptions,
        transforms: Any,
        growing: bool,
    ):
        self.growing = growing
        self.problem, self.form, self.options, self.transforms = problem, form, options, transforms
        self._measure = float(problem.domain.measure) * (
            1.0 if problem.time is None else problem.time.end - problem.time.start
        )
        self._integrands: dict[tuple[str, str | None], _Integrand] = {}
        self._rows: dict[tuple[str, str | None], TestedRows] = {}

    def equations(self, where: str | None) -> list[TestedEquation]:
        """All equations, or those with natural data on a named boundary."""
        return [e for e in self.form.equations if where is None or where in e.natural]

    def norms(self, where: str | None = None) -> list[Norm]:
        """What the tests of equations are measured by."""
        if self.options.tests.norm != "auto":
            return [self.options.tests.norm] * len(self.equations(where))
        return ["gradient" if e.second else "value" for e in self.equations(where)]

    @property
    def boundaries(self) -> list[str]:
        """Names of boundaries with natural data."""
        return list(dict.fromkeys(w for e in self.form.equations for w in e.natural))

    def tested(self, bucket: Bucket, where: str | None = None) -> tuple[TestedRows, Cells]:
        """The rows of a bucket: of all equations, or of those with natural data on a named boundary."""
        parts: list[tuple[Part, _Integrand]] = [(bucket.inside, self._integrand("inside", where))]
        if bucket.natural is not None:
            parts.append((bucket.natural, self._integrand("natural", where)))
        if bucket.around is not None:
            parts.append((bucket.around, self._integrand("around", where)))
        if (key := (bucket.label, where)) not in self._rows:
            integrals = [
                Integral(residual, layout, part.tables if part.shared else None)
                for part, (residual, layout) in parts
            ]
            self._rows[key] = TestedRows(integrals, self.norms(where))
        placed = [self._place(part, integrand.residual) for part, integrand in parts]
        return self._rows[key], gathered(placed, bucket.whitening, bucket.times)

    def block(self, name: str, bucket: Bucket, where: str | None = None) -> Block:
        """A block whose loss is Σ rows² over the domain's measure, however it is filled up."""
        rows, cells = self.tested(bucket, where)
        capacity = _capacity(len(cells.keep), self.growing)
        weight = self.options.weights.equations * capacity / self._measure
        points = sum(part.geometry.weights.shape[1] for part in cells.parts)
        at_once = _CellsAtOnce(self._integrand("inside", where).residual, points)
        placed = padded(cells, capacity)
        return Block(name, rows, placed, jnp.asarray(weight), chunk=at_once, part_of=EQUATIONS)

    def _integrand(self, part: str, where: str | None) -> _Integrand:
        if (key := (part, where)) not in self._integrands:
            chosen, dimension = self.equations(where), len(self.problem.coordinates)
            if part == "natural":
                assert where is not None
                data = [e.natural[where] for e in chosen]
                made = _Integrand(self._compiled(data), Layout(len(chosen), dimension, True, False, False))
            else:
                made = self._inside(chosen) if part == "inside" else self._around(chosen)
            self._integrands[key] = made
        return self._integrands[key]

    def _compiled(self, expressions: Sequence[sp.Expr]) -> Residual:
        return Residual(self.problem, expressions, jets_in(*expressions))

    def _inside(self, equations: Sequence[TestedEquation]) -> _Integrand:
        axes = range(len(self.problem.coordinates))
        zero = sp.S.Zero
        expressions = [e.value for e in equations]
        gradient, hessian = any(e.gradient for e in equations), any(e.hessian for e in equations)
        if gradient:
            expressions += [e.gradient[i] if e.gradient else zero for i in axes for e in equations]
        if hessian:
            pairs = product(axes, axes)
            expressions += [e.hessian[i][j] if e.hessian else zero for i, j in pairs for e in equations]
        layout = Layout(len(equations), len(axes), True, gradient, hessian)
        return _Integrand(self._compiled(expressions), layout)

    def _around(self, equations: Sequence[TestedEquation]) -> _Integrand:
        axes = range(len(self.problem.coordinates))
        expressions = [e.across[i] if e.across else sp.S.Zero for i in axes for e in equations]
        return _Integrand(self._compiled(expressions), Layout(len(equations), len(axes), False, True, False))

    def _place(self, part: Part, compiled: Residual) -> Placed:
        def prepared(x: np.ndarray, normals: np.ndarray | None) -> Any:
            return prepare(self.transforms, compiled.needs, jnp.asarray(x), normals)

        return place(part.mapped, prepared, None if part.shared else part.tables)


class Assembly:
    """The least-squares problem of tested residuals for a declaration, with whatever it is tested."""

    def __init__(
        self,
        problem: Problem,
        options: VariationalOptions,
        seed: int,
        growing: bool = False,
        upon: Upon | None = None,
    ):
        self.options, self.setup = options, Setup(problem, options.as_collocation(), seed, upon=upon)
        self.form = tested_form(problem, options.form)
        self.tester = Tester(problem, self.form, options, self.setup.transforms, growing)

    def posed(self, tests: Tests) -> LeastSquares:
        """Blocks of tested residuals, of conditions that are left to the loss and of observations.

        Raises ``DeclarationError`` for tests that their quadrature cannot tell apart.
        """
        try:
            blocks = self._tested_blocks(tests)
        except DependentTests as fault:
            given = self.options.tests
            raise DeclarationError(
                f"tests: {fault} (order {given.order}, quadrature {given.quadrature})", section="tests",
                expected="more quadrature points along an axis than tests",
                mend="leave quadrature out, or lower order",
            ) from None  # fmt: skip
        return self.setup.posed([*blocks, *self._at_points])

    def formulation(self, pose: Callable[[], LeastSquares]) -> Formulation:
        """All that training and evaluation need."""
        setup = self.setup
        rules = weighting_rules(setup.problem, setup.options, len(self._soft), lambda cells: cells.times)
        return setup.formulation(pose, rules, _notes(self.form))

    @cached_property
    def _at_points(self) -> list[Block]:
        setup, weights = self.setup, self.options.weights
        points = Points(setup.problem, setup.options.points, setup.transforms, setup.seed)
        conditions = points.conditions(self._soft, weights.conditions)
        return [*conditions, *points.observations(weights.observations)]

    @property
    def _soft(self) -> list[tuple[AnyCondition, str]]:
        """Conditions that are neither built in nor natural."""
        problem = self.setup.problem
        return [(c, why) for c, why in self.setup.conditions.soft if not _natural(c, self.form, problem)]

    def _tested_blocks(self, tests: Tests) -> list[Block]:
        tester = self.tester
        buckets = tests.interior(tester.norms())
        names = [EQUATIONS, *(f"{EQUATIONS} on {bucket.label}" for bucket in buckets[1:])]
        blocks = [tester.block(name, bucket) for name, bucket in zip(names, buckets, strict=True)]
        for where in tester.boundaries:
            for number, bucket in enumerate(tests.boundary(where, tester.norms(where))):
                label = f"flux through {where}" + (f" on {bucket.label}" if number else "")
                blocks.append(tester.block(label, bucket, where))
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


def _capacity(count: int, growing: bool) -> int:
    """Cells with room for more: an eighth of them at the most, or a half where cells are refined."""
    parts = 1 if growing else 8
    step = max(1, (1 << (count - 1).bit_length()) // parts)
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
