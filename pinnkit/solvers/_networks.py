"""The networks that stand for the unknowns of a declaration, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.embeddings import Coordinates, Holes
from ..fields.fourier import FourierFeatures, GaborFeatures, Inputs
from ..fields.model import Fields, Group, Inferred, Network
from ..fields.network import AbstractNetwork, Architecture
from ..fields.networks import NETWORKS
from ..geometry.carriers import Ellipsoid, Sphere
from ._collocation_options import NetworkOptions

Draw = Callable[[Problem, NetworkOptions, Group, Array], Network]


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
