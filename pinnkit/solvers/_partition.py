"""Networks on the parts of a domain, joined at interfaces: what ``xpinn`` and ``cpinn`` share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp
from jax import Array

from ..declare.errors import DeclarationError, unknown_word
from ..declare.problem import Problem
from ..declare.regions import InRegion
from ..fields.collocation import Columns, Needs, Served, Transform
from ..fields.ensemble import Ensemble
from ..fields.model import Group
from ..forms.emit import emit
from ..forms.host import on_host
from ..geometry.cell_parts import in_groups, in_parts
from ..geometry.decomposition import Decomposition
from ..geometry.division import Division
from ..geometry.errors import GeometryError
from ..geometry.mapping import from_mapping
from ..geometry.partitions import REST, Level, at_levels, at_sites, in_boxes, in_shapes
from ..training.least_squares import Block
from ._base import Formulation, Upon
from ._collocation import Ansatz, formulate
from ._collocation_options import NetworkOptions
from ._ensemble import cuts_of, drawn_ensemble, settled_in_parts
from ._interfaces import continuous, interface_block
from ._material import material_cuts
from ._options import read_options
from ._subdomain_options import PartitionOptions


def formulate_partition(
    problem: Problem,
    options: PartitionOptions,
    seed: int,
    by_flux: bool,
    residuals: bool,
    upon: Upon | None = None,
) -> Formulation:
    """Collocation with a network for each subdomain, and one block for what is matched between them.

    That is stated in ``_interfaces``, with ``by_flux`` and ``residuals``.
    """
    matched = continuous(problem, by_flux, residuals)
    found, how = _decomposed(problem, options)
    own = _own_networks(found, options.networks)
    try:
        interfaces = found.interfaces(options.points.interface, seed)
    except GeometryError as fault:
        raise _declared(fault, "points") from fault
    groups: list[Group] = []

    def draw(problem: Problem, network: NetworkOptions, group: Group, key: Array) -> Ensemble:
        if group.columns != tuple(range(len(problem.variables))):
            raise DeclarationError(
                f"subdomains for {', '.join(group.unknowns)}, which depend on some of the coordinates only",
                expected="unknowns of all coordinates and the time", mend="take the solver pinn or fbpinn",
                section="subdomains",
            )  # fmt: skip
        groups.append(group)
        networks = [_with(network, own.get(k, {})) for k in range(len(found.names))]
        return drawn_ensemble(problem, networks, group, key, (found.lower, found.upper))

    def serve(x: Array, needs: Needs) -> dict[Columns, Served]:
        served = Served(_owners(found, x)[:, None])
        return {group.columns: served for group in groups}

    def blocks(transforms: Mapping[str, Transform]) -> list[Block]:
        return [interface_block(problem, matched, interfaces, groups, transforms, options.weights)]

    def settle(problem: Problem, options: Any) -> tuple[Any, str]:
        return settled_in_parts(problem, options, len(found.names))

    division = Division(found.names, found.lower, found.upper, found.nearest, interfaces)
    note = f"{how}; {len(interfaces.pairs)} interfaces with {len(interfaces.points)} points"
    ansatz = Ansatz(draw, serve, settle, blocks, division=division, notes=(note,), sees_jumps=by_flux)
    return formulate(problem, options, seed, ansatz=ansatz, upon=upon)


def _owners(found: Decomposition, x: Array) -> Array:
    """The subdomain (n,) of every point, compiled code included."""

    def owners(points: np.ndarray) -> np.ndarray:
        return found.nearest(points.reshape(-1, points.shape[-1])).reshape(points.shape[:-1])

    return on_host(owners, x.shape[:1], np.int32, x.astype(np.float64))


def _decomposed(problem: Problem, options: PartitionOptions) -> tuple[Decomposition, str]:
    """The decomposition that was asked for, or follows from the problem, and which in words."""
    ways: dict[str, Callable[[], Decomposition]] = {}
    domain = problem.domain
    time = (problem.time.start, problem.time.end) if problem.time is not None else None
    if options.subdomains:
        ways["subdomains"] = lambda: in_boxes(domain, time, cuts_of(problem, options.subdomains))
    if options.shapes:
        ways["shapes"] = lambda: in_shapes(domain, time, {
            name: None if entry == REST else from_mapping(entry) for name, entry in options.shapes.items()
        })  # fmt: skip
    if options.sites:
        ways["sites"] = lambda: at_sites(domain, time, options.sites)
    if options.levels:
        ways["levels"] = lambda: at_levels(domain, time, _levels(problem, options.levels))
    if isinstance(parts := options.cells, int):
        ways["cells"] = lambda: in_parts(domain, time, parts)
    elif parts is not None:
        ways["cells"] = lambda: in_groups(domain, time)
    if len(ways) > 1:
        raise DeclarationError(
            f"the domain is cut by {' and by '.join(ways)}", expected="one of them", mend="drop the others",
            section=list(ways)[-1],
        )  # fmt: skip
    try:
        for name, make in ways.items():
            return make(), f"cut as given by {name}"
        if any(equation.residual.atoms(InRegion) for equation in problem.equations):
            return in_groups(domain, time), "cut between the regions that coefficients were given for"
        cuts, levels = material_cuts(problem)
        if levels:
            functions = [_level(problem, g) for g in levels]
            return at_levels(domain, time, functions), "cut where coefficients jump"
        if any(cuts):
            return in_boxes(domain, time, cuts), "cut where coefficients jump"
        return in_boxes(domain, time, cuts_of(problem, {})), "cut into halves"
    except GeometryError as fault:
        raise _declared(fault, next(iter(ways), "subdomains")) from fault


def _levels(problem: Problem, texts: Sequence[str]) -> list[Level]:
    from ..declare.expressions import parse

    names = {v.name: v for v in problem.variables}
    found = []
    for text in texts:
        expression = sp.sympify(parse(text, names, problem.coordinates))
        if not expression.free_symbols:
            raise DeclarationError(
                f"levels: {text} is the same everywhere", section="levels",
                expected="an expression of coordinates and time", mend='as "x - 0.5"',
            )  # fmt: skip
        found.append(_level(problem, expression))
    return found


def _level(problem: Problem, expression: sp.Expr) -> Level:
    slopes = [sp.diff(expression, v) for v in problem.variables]
    compiled = emit([expression, *slopes], problem.variables, np)

    def level(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        value, *slope = (np.broadcast_to(part, len(points)) for part in compiled(*points.T))
        return value, np.stack(slope, axis=1)

    return level


def _own_networks(found: Decomposition, given: Mapping[str, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """Options of single networks by the number of their subdomain."""
    numbers = {str(k + 1): k for k in range(len(found.names))}
    numbers |= {name: k for k, name in enumerate(found.names)}
    own = {}
    for name, entries in given.items():
        if name not in numbers:
            raise unknown_word("subdomain", name, list(numbers), section="networks")
        read = read_options(NetworkOptions, entries, ("solver", "networks", name))
        own[numbers[name]] = {key: getattr(read, key) for key in entries}
    return own


def _with(network: NetworkOptions, own: Mapping[str, Any]) -> NetworkOptions:
    return network.model_copy(update=dict(own)) if own else network


def _declared(fault: GeometryError, section: str) -> DeclarationError:
    return DeclarationError(fault.what, expected=fault.expected, mend=fault.mend, section=section)
