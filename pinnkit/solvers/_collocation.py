"""Collocation: networks, residual blocks and points from a declaration; what strong-form solvers share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from ..declare.conditions import AnyCondition
from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..declare.symbols import normal
from ..fields.collocation import Collocation, Needs, prepare
from ..fields.derivatives import Index
from ..fields.embeddings import Coordinates, FourierFeatures, Holes
from ..fields.exact_conditions import UNTOUCHED, exact_conditions
from ..fields.model import Fields, Group, Inferred
from ..fields.network import Architecture
from ..fields.networks import NETWORKS
from ..forms.emit import emit
from ..forms.errors import FormUnavailable
from ..forms.jets import Jet, jet_symbol
from ..forms.strong import condition_residual, strong_form
from ..geometry.carriers import Ellipsoid, Sphere
from ..training.least_squares import Block, LeastSquares
from ..training.schedule import read_schedule
from ._base import Formulation
from ._collocation_defaults import fitted, settled
from ._collocation_options import CollocationOptions, NetworkOptions
from ._collocation_weighting import EQUATIONS, weighting_rules
from ._draws import Draws

EVALUATION_CHUNK = 8192
HIGHEST_ORDER = 4


def formulate(problem: Problem, options: CollocationOptions, seed: int) -> Formulation:
    """The least-squares problem of collocation for a declaration."""
    left_open = options.optimizer == "auto"
    options, reason = settled(problem, options)
    read_schedule(options.optimizer)  # complaints come before the work
    conditions = exact_conditions(problem, options.conditions)
    transforms = {name: t for name, t in conditions.transform.items() if t is not UNTOUCHED}
    fields = initial_fields(problem, options.network, seed)
    stages, choice = options.optimizer, ()
    if left_open:
        stages, why = _fitted(stages, fields, len(problem.variables))
        choice = (why,)
    schedule = read_schedule(stages)
    strong = strong_form(problem)
    if (highest := max(strong.jets, key=lambda jet: jet.order)).order > HIGHEST_ORDER:
        raise FormUnavailable(
            f"collocation for a derivative of order {highest.order} of {highest.unknown}",
            reason=f"networks carry derivatives up to order {HIGHEST_ORDER}",
            mend="introduce an unknown for a lower derivative, with its own equation",
        )
    rules = weighting_rules(problem, options, len(conditions.soft))
    equations = _Residual(problem, [e.residual for e in strong.equations], strong.jets)

    def pose() -> LeastSquares:
        points = _Points(problem, options, transforms, seed)
        blocks = [points.interior(EQUATIONS, equations, options.weights.equations)]
        for number, (condition, _) in enumerate(conditions.soft):
            residual = _Residual(problem, *_condition(condition, problem))
            label = _label(condition, number)
            blocks.append(points.condition(label, condition, residual, options.weights.conditions))
        for number in range(len(problem.observations)):
            blocks.append(points.observed(number, options.weights.observations))
        return LeastSquares(fields, blocks, linear=Fields.linear_leaves, first=Fields.first_leaves)

    def derivatives(fields: Fields, x: Array, indices: tuple[Index, ...]) -> dict[str, Array]:
        needs = dict.fromkeys(problem.unknown_names, indices)
        pieces = [
            _jets(fields, prepare(transforms, needs, x[start : start + EVALUATION_CHUNK]), needs)
            for start in range(0, len(x), EVALUATION_CHUNK)
        ]
        return {name: jnp.concatenate([piece[name] for piece in pieces]) for name in problem.unknown_names}

    def evaluate(fields: Fields, x: Array) -> dict[str, Array]:
        zero = (0,) * len(problem.variables)
        return {name: values[:, 0] for name, values in derivatives(fields, x, (zero,)).items()}

    def residuals(fields: Fields, x: Array) -> dict[str, Array]:
        pieces = [
            equations(fields, prepare(transforms, equations.needs, x[start : start + EVALUATION_CHUNK]))
            for start in range(0, len(x), EVALUATION_CHUNK)
        ]
        rows = jnp.concatenate(pieces)
        return {equation.name: rows[:, k] for k, equation in enumerate(strong.equations)}

    return Formulation(
        fields=fields,
        pose=pose,
        schedule=schedule,
        evaluate=evaluate,
        derivatives=derivatives,
        residuals=residuals,
        parameters=Fields.parameters,
        notes=(reason, *choice, *conditions.notes, *strong.notes),
        redraw=options.redraw,
        redraw_every=options.redraw_every,
        rules=rules,
        tolerance=options.tolerance,
        time_limit=options.time_limit,
    )


def _fitted(stages: Any, fields: Fields, coordinates: int) -> tuple[Any, str]:
    leaves = jax.tree.leaves(eqx.filter(fields, eqx.is_inexact_array))
    single = jnp.result_type(*leaves) != jnp.float64
    return fitted(
        stages, sum(leaf.size for leaf in leaves), coordinates, single, jax.devices()[0].platform
    )  # fmt: skip


@eqx.filter_jit
def _jets(fields: Fields, at: Collocation, needs: Needs) -> dict[str, Array]:
    jets = fields.jets(at, needs)
    return {
        name: jnp.stack([jets[name, index] for index in indices], axis=1) for name, indices in needs.items()
    }


def initial_fields(problem: Problem, options: NetworkOptions, seed: int) -> Fields:
    """One network for the unknowns of each set of coordinates, drawn from the seed."""
    by_columns: dict[tuple[int, ...], list[str]] = {}
    for name, applied in zip(problem.unknown_names, problem.unknowns, strict=True):
        columns = tuple(k for k, variable in enumerate(problem.variables) if variable in applied.args)
        by_columns.setdefault(columns, []).append(name)
    groups = tuple(Group(tuple(names), columns) for columns, names in by_columns.items())
    keys = jax.random.split(jax.random.key(seed), len(groups))
    networks = tuple(_network(problem, options, group, key) for group, key in zip(groups, keys, strict=True))
    inferred = tuple(Inferred(p.name, p.value, p.bounds) for p in problem.parameters if p.infer)
    return Fields(networks, tuple(jnp.asarray(spec.raw) for spec in inferred), groups, inferred)


def _network(problem: Problem, options: NetworkOptions, group: Group, key: Array) -> Any:
    inputs_key, network_key = jax.random.split(key)
    space = tuple(range(len(problem.coordinates)))
    periodic = tuple(
        place for place, column in enumerate(group.columns) if problem.variables[column] in problem.periodic
    )
    inputs = Coordinates(
        tuple(problem.lower[c] for c in group.columns),
        tuple(problem.upper[c] for c in group.columns),
        periodic,
        options.harmonics,
    )
    holes = _holes(problem) if options.holes and group.columns[: len(problem.coordinates)] == space else ()
    if holes:
        inputs = Holes(inputs, holes)
    if options.fourier_features:
        inputs = FourierFeatures(inputs, options.fourier_features, options.fourier_scale, inputs_key)
    architecture = Architecture(
        options.width,
        options.depth,
        options.activation,
        options.feature_scale,
        _patches(problem, options, group),
    )
    return NETWORKS[options.kind](inputs, len(group.unknowns), architecture, network_key)


def _patches(problem: Problem, options: NetworkOptions, group: Group) -> tuple[int, ...]:
    """Patches of the coordinates that a group sees."""
    if not options.patches:
        return ()
    if not NETWORKS[options.kind].patched:
        raise DeclarationError(
            f"patches: {list(options.patches)} for a network of kind {options.kind}", section="network",
            expected="random features, which alone are cut into patches", mend="take kind: features",
        )  # fmt: skip
    names = [v.name for v in problem.variables]
    if len(options.patches) != len(names):
        raise DeclarationError(
            f"patches: {list(options.patches)} for {len(names)} coordinates", section="network",
            expected=f"one number for each of {', '.join(names)}", mend="write 1 where nothing is to be cut",
        )  # fmt: skip
    for name, count, variable in zip(names, options.patches, problem.variables, strict=True):
        if count > 1 and variable in problem.periodic:
            raise DeclarationError(
                f"patches: {name} is periodic and cut into {count}", section="network",
                expected="1 for a periodic coordinate", mend="more features or harmonics resolve it as well",
            )  # fmt: skip
    return tuple(options.patches[column] for column in group.columns)


def _holes(problem: Problem) -> tuple[tuple[tuple[float, ...], tuple[tuple[float, ...], ...]], ...]:
    """Centre and scaled axes of every whole round piece that the domain lies outside of."""
    found = []
    for piece in problem.domain.pieces():
        carrier = piece.carrier
        if not piece.closed or not isinstance(carrier, (Sphere, Ellipsoid)) or carrier.side > 0:
            continue
        if isinstance(carrier, Sphere):
            axes = np.eye(len(carrier.center)) / carrier.radius
        else:
            axes = carrier.rotation().T / np.array(carrier.radii)[:, None]
        found.append((carrier.center, tuple(tuple(row) for row in axes.tolist())))
    return tuple(found)


class _Residual:
    """Compiled expressions of jets, variables, normals and parameters: (fields, points) → (n, m)."""

    def __init__(self, problem: Problem, expressions: Sequence[sp.Expr], jets: Sequence[Jet]):
        inferred = [p for p in problem.parameters if p.infer]
        known = {p: sp.Float(p.value, 17) for p in problem.parameters if not p.infer}
        self._names = [p.name for p in inferred]
        self._jets = tuple(jets)
        self._compiled = emit(
            [e.xreplace(known) for e in expressions],
            [*problem.variables, *(normal(x) for x in problem.coordinates), *inferred,
             *(jet_symbol(jet, problem) for jet in jets)],
            jnp,
        )  # fmt: skip
        needs: dict[str, list[tuple[int, ...]]] = {}
        for jet in jets:
            needs.setdefault(jet.unknown, []).append(jet.index)
        self.needs: Needs = {name: tuple(indices) for name, indices in needs.items()}
        self._space = len(problem.coordinates)

    def __call__(self, fields: Fields, at: Collocation) -> Array:
        jets = fields.jets(at, self.needs)
        normals = jnp.zeros((at.x.shape[0], self._space)) if at.normals is None else at.normals
        found = fields.parameters()
        parameters = [jnp.broadcast_to(found[name], at.x.shape[:1]) for name in self._names]
        values = self._compiled(
            *at.x.T, *normals.T, *parameters, *(jets[jet.unknown, jet.index] for jet in self._jets)
        )
        return jnp.stack(values, axis=1)


class _Points:
    """Blocks at points drawn from the seed."""

    def __init__(
        self, problem: Problem, options: CollocationOptions, transforms: Mapping[str, Any], seed: int
    ):
        self.problem, self.options, self.transforms = problem, options.points, transforms
        self._draws = Draws(problem, options.points.sampling, seed)

    def interior(self, name: str, residual: _Residual, weight: float) -> Block:
        """Points inside the domain (and the time interval)."""
        count = self.options.interior
        x = self._draws.interior(count * self.options.pool)
        return self._block(name, residual, weight, x, None, count)

    def condition(self, name: str, condition: AnyCondition, residual: _Residual, weight: float) -> Block:
        """Points where a condition holds, with normals on boundaries."""
        x, normals, count = self._draws.condition(condition, self.options.boundary, self.options.pool)
        return self._block(name, residual, weight, x, normals, count, True)

    def observed(self, number: int, weight: float) -> Block:
        """The points and values of the observations, in units of their spread."""
        from ..declare.measurements import read_measurements

        observations = self.problem.observations[number]
        x, values = read_measurements(observations, self.problem)
        name = observations.unknown.func.__name__
        zero = (0,) * len(self.problem.variables)
        at = prepare(self.transforms, {name: (zero,)}, x)
        scale = max(float(np.std(values)), 1e-300)

        def residual(fields: Fields, points: tuple[Collocation, Array]) -> Array:
            place, measured = points
            return ((fields.jets(place, {name: (zero,)})[name, zero] - measured) / scale)[:, None]

        return Block(f"observations of {name}", residual, (at, jnp.asarray(values)), jnp.asarray(weight))

    def _block(
        self,
        name: str,
        residual: _Residual,
        weight: float,
        x: np.ndarray,
        normals: np.ndarray | None,
        count: int,
        condition: bool = False,
    ) -> Block:
        pool = prepare(self.transforms, residual.needs, x, normals)
        points = pool.take(jnp.arange(count))
        candidates = pool if len(x) > count else None
        return Block(name, residual, points, jnp.asarray(weight), candidates, condition=condition)


def _condition(condition: AnyCondition, problem: Problem) -> tuple[list[sp.Expr], Sequence[Jet]]:
    residual, jets = condition_residual(condition, problem)
    return [residual], jets


def _label(condition: AnyCondition, number: int) -> str:
    kind = type(condition).__name__
    unknown = getattr(condition, "unknown", None)
    what = f" of {unknown.func.__name__}" if unknown is not None else ""
    where = f" on {condition.where}" if hasattr(condition, "where") else ""
    return f"{number + 1}. {kind}{what}{where}"
