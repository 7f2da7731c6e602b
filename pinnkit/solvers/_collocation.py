"""Collocation: networks, residual blocks and points from a declaration; what strong-form solvers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.collocation import Serve, Transform
from ..fields.embeddings import Coordinates, Holes
from ..fields.exact_conditions import UNTOUCHED, exact_conditions
from ..fields.fourier import FourierFeatures, GaborFeatures, Inputs
from ..fields.model import Fields, Group, Inferred, Network
from ..fields.network import AbstractNetwork, Architecture
from ..fields.networks import NETWORKS
from ..fields.precision import cast
from ..forms.errors import FormUnavailable
from ..forms.strong import strong_form
from ..geometry.carriers import Ellipsoid, Sphere
from ..training.checkpoint import Stage
from ..training.least_squares import Block, LeastSquares
from ..training.random_features import HeadLeastSquares
from ..training.schedule import read_schedule
from ._base import Formulation
from ._collocation_defaults import fitted, settled
from ._collocation_options import CollocationOptions, NetworkOptions
from ._collocation_weighting import EQUATIONS, weighting_rules
from ._points import Points
from ._residual import Evaluation, Residual

HIGHEST_ORDER = 4
Draw = Callable[[Problem, NetworkOptions, Group, Array], Network]
Settle = Callable[[Problem, CollocationOptions], tuple[CollocationOptions, str]]


@dataclass(frozen=True)
class Ansatz:
    """What stands for the unknowns where it is not one network over the domain.

    ``draw`` makes the network of a group of unknowns from its key, None as usual; ``serve`` tells which parts
    of it serve a point; ``settle`` decides what options leave open; ``blocks`` are those besides equations,
    conditions and observations, for given transforms of the unknowns.
    """

    draw: Draw | None = None
    serve: Serve | None = None
    settle: Settle = settled
    blocks: Callable[[Mapping[str, Transform]], Sequence[Block]] = lambda transforms: ()
    notes: tuple[str, ...] = ()
    sees_jumps: bool = False
    """Whether fluxes across jumps of coefficients are in the blocks."""


def formulate(
    problem: Problem,
    options: CollocationOptions,
    seed: int,
    declared: Problem | None = None,
    ansatz: Ansatz | None = None,
) -> Formulation:
    """The least-squares problem of collocation for a declaration.

    ``declared`` is the one whose class decides what is left open, where ``problem`` was derived from it.
    """
    ansatz = ansatz or Ansatz()
    left_open = options.optimizer == "auto"
    options, reason = ansatz.settle(declared or problem, options)
    stages = read_schedule(options.optimizer)  # complaints come before the work
    # what features lack in derivatives of the lift they do not make up for; trained networks do
    analytic = any(stage.optimiser.name == HeadLeastSquares.name for stage in stages)
    conditions = exact_conditions(problem, options.conditions, analytic)
    transforms = {name: t for name, t in conditions.transform.items() if t is not UNTOUCHED}
    fields = initial_fields(problem, options.network, seed, ansatz.draw)
    fields = fields.in_precision(options.precision)
    schedule, choice = chosen_schedule(options, left_open, fields, len(problem.variables))
    strong = strong_form(problem)
    if (highest := max(strong.jets, key=lambda jet: jet.order)).order > HIGHEST_ORDER:
        raise FormUnavailable(
            f"collocation for a derivative of order {highest.order} of {highest.unknown}",
            reason=f"networks carry derivatives up to order {HIGHEST_ORDER}",
            mend="introduce an unknown for a lower derivative, with its own equation",
        )
    rules = weighting_rules(problem, options, len(conditions.soft))
    varied = tuple(options.curriculum)
    equations = Residual(problem, [e.residual for e in strong.equations], strong.jets, varied)
    evaluation = Evaluation(problem, transforms, ansatz.serve)

    def pose() -> LeastSquares:
        points = Points(problem, options.points, transforms, seed, ansatz.serve)
        blocks = [
            points.interior(EQUATIONS, equations, options.weights.equations),
            *points.conditions(conditions.soft, options.weights.conditions),
            *points.observations(options.weights.observations),
            *ansatz.blocks(transforms),
        ]
        posed = LeastSquares(fields, blocks, linear=Fields.linear_leaves, first=Fields.first_leaves)
        return cast(posed, jnp.float32) if options.precision == "float32" else posed

    return Formulation(
        fields=fields,
        pose=pose,
        schedule=schedule,
        evaluate=evaluation,
        derivatives=evaluation.derivatives,
        residuals=partial(evaluation.residuals, equations),
        parameters=Fields.parameters,
        notes=(
            reason,
            *ansatz.notes,
            *choice,
            *conditions.notes,
            *(() if ansatz.sees_jumps else strong.notes),
        ),
        redraw=options.redraw,
        redraw_every=options.redraw_every,
        rules=rules,
        precision=options.precision,
        plain=lambda fields: fields.in_precision("float64"),
        tolerance=options.tolerance,
        time_limit=options.time_limit,
    )


def chosen_schedule(
    options: CollocationOptions, left_open: bool, fields: Fields, coordinates: int
) -> tuple[tuple[Stage, ...], tuple[str, ...]]:
    """The stages, fitted to the size of the fields where they were left open, and why in a sentence."""
    if not left_open or not any("ssbroyden" in stage for stage in options.optimizer):
        return read_schedule(options.optimizer), ()
    leaves = jax.tree.leaves(eqx.filter(fields, eqx.is_inexact_array))
    single = jnp.result_type(*leaves) != jnp.float64
    stages, reason = fitted(
        list(options.optimizer), sum(leaf.size for leaf in leaves), coordinates, single,
        jax.devices()[0].platform,
    )  # fmt: skip
    return read_schedule(stages), (reason,)


def initial_fields(problem: Problem, options: NetworkOptions, seed: int, draw: Draw | None = None) -> Fields:
    """One network for the unknowns of each set of coordinates, drawn from the seed."""
    by_columns: dict[tuple[int, ...], list[str]] = {}
    for name, applied in zip(problem.unknown_names, problem.unknowns, strict=True):
        columns = tuple(k for k, variable in enumerate(problem.variables) if variable in applied.args)
        by_columns.setdefault(columns, []).append(name)
    groups = tuple(Group(tuple(names), columns) for columns, names in by_columns.items())
    keys = jax.random.split(jax.random.key(seed), len(groups))
    make = draw or drawn_network
    networks = tuple(make(problem, options, group, key) for group, key in zip(groups, keys, strict=True))
    inferred = tuple(Inferred(p.name, p.value, p.bounds) for p in problem.parameters if p.infer)
    return Fields(networks, tuple(jnp.asarray(spec.raw) for spec in inferred), groups, inferred)


def drawn_network(problem: Problem, options: NetworkOptions, group: Group, key: Array) -> AbstractNetwork:
    """One network over the whole domain."""
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
    kind = NETWORKS[options.kind]
    _require_fitting(options, bool(holes))
    if holes:
        inputs = Holes(inputs, holes)
    waves: Inputs = inputs
    if options.fourier_features:
        waves = FourierFeatures.drawn(inputs, options.fourier_features, options.fourier_scale, inputs_key)
    elif kind.behind_waves and not options.gabor_features:
        half = max(1, (options.width or 2) // 2)
        waves = FourierFeatures.drawn(inputs, half, options.fourier_scale, inputs_key)
    if options.gabor_features:
        waves = GaborFeatures.drawn(inputs, options.gabor_features, options.fourier_scale, inputs_key)
    architecture = Architecture(
        options.width,
        options.depth,
        options.activation,
        options.feature_scale,
        _patches(problem, options, group),
        options.initialisation,
        (options.factor_mean, options.factor_spread) if options.factorised else None,
    )
    # drawn in one compiled program: layer by layer, each draw would be compiled on its own
    return eqx.filter_jit(kind)(waves, len(group.unknowns), architecture, network_key)


def _require_fitting(options: NetworkOptions, holes: bool) -> None:
    """Raise ``DeclarationError`` for choices that exclude each other."""
    kind = NETWORKS[options.kind]
    faults = [
        (
            kind.separable and holes,
            f"kind: {options.kind} with coordinates inverted at holes, which mix coordinates",
            "inputs of one coordinate each", "write holes: false, or take kind: mlp",
        ),
        (
            kind.separable and options.gabor_features > 0,
            f"gabor_features: {options.gabor_features} mix coordinates, for kind: {options.kind}",
            "inputs of one coordinate each", "take fourier_features, or kind: mlp",
        ),
        (
            options.fourier_features > 0 and options.gabor_features > 0,
            "fourier_features and gabor_features are both given", "one of them", "drop the other",
        ),
        (
            options.initialisation == "siren" and options.activation != "sin",
            f"initialisation: siren for the activation {options.activation}",
            "sines, whose size it keeps", "write activation: sin",
        ),
        (
            kind.patched and (options.factorised or options.initialisation == "siren"),
            f"factorised weights or initialisation: siren for kind: {options.kind}",
            "a network with hidden layers that are trained", "drop it, or take kind: mlp",
        ),
    ]  # fmt: skip
    for wrong, what, expected, mend in faults:
        if wrong:
            raise DeclarationError(what, expected=expected, mend=mend, section="network")


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
