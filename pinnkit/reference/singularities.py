"""Boundary points of plane problems where what is prescribed makes solutions singular."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..forms.emit import emit
from .elements import Array
from .mesh import FiniteMesh
from .system import System

# Prescribed values that differ by less than this part of the largest are meant to agree.
_SAME = 1e-8
# Tangents of curved cells are good to this angle.
_STRAIGHT = 0.05
_MOMENTS = 5


@dataclass(frozen=True)
class Singularities:
    """Points with the exponent α of a solution like r^α there, and ``notes`` for the report."""

    exponents: dict[tuple[float, ...], float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def boundary_singularities(system: System, mesh: FiniteMesh, degree: int) -> Singularities:
    """Where prescribed values jump, where conditions change their kind, and re-entrant corners of systems.

    Between two boundary pieces of one kind at the angle ω a scalar goes like r^{π/ω}, where the kind changes
    like r^{π/(2ω)} (Grisvard 1985); coupled unknowns never better than r^{1/2} past a half turn, so that is
    what they get. A jump is bounded, like r⁰: since its part in the error is an area, cells like those of
    r^{p/(p+1)} do.
    """
    if mesh.dimension != 2 or system.periodic:
        return Singularities()
    held = _held(system, mesh)
    pairs = _neighbours(mesh)
    angles = _angles(mesh)
    coupled = len(system.names) - len(system.lowered) > 1
    exponents: dict[tuple[float, ...], float] = {}
    jumps: dict[int, list[str]] = {}

    def found(vertex: int, exponent: float) -> None:
        place = tuple(mesh.points[vertex].tolist())
        exponents[place] = min(exponent, exponents.get(place, 1.0))

    for vertex, (one, other) in pairs.items():
        turn = np.pi if abs(angles[vertex] - np.pi) < _STRAIGHT else angles[vertex]
        if coupled and turn > np.pi and any(one in on and other in on for on in held.values()):
            found(vertex, 0.5)
        for unknown, on in held.items():
            if (one in on) != (other in on) and turn > np.pi / 2 + _STRAIGHT:
                found(vertex, np.pi / (2 * turn))
            elif one in on and other in on and on[one] != on[other]:
                taken = _taken(system, mesh.points[vertex], *sorted((on[one], on[other])))
                if taken is not None:
                    found(vertex, degree / (degree + 1))
                    jumps.setdefault(unknown, []).append(taken)
    shown = {name: jumps[k] for k, name in enumerate(system.names) if k in jumps}
    notes = [f"{name}: prescribed values disagree; {', '.join(at)}" for name, at in shown.items()]
    return Singularities(exponents, tuple(notes))


def _held(system: System, mesh: FiniteMesh) -> dict[int, dict[int, int]]:
    """unknown → facet → the last of the system's prescribed values that holds there."""
    held: dict[int, dict[int, int]] = {}
    for number, essential in enumerate(system.essential):
        on = held.setdefault(essential.unknown, {})
        on.update(dict.fromkeys(mesh.named(essential.where).tolist(), number))
    return held


def _neighbours(mesh: FiniteMesh) -> dict[int, tuple[int, int]]:
    """vertex → the two boundary facets that meet there; vertices where more meet are left out."""
    facets = mesh.boundary_facets
    beside: dict[int, list[int]] = {}
    for facet, vertices in zip(facets.tolist(), mesh.facets[facets].tolist(), strict=True):
        for vertex in vertices:
            beside.setdefault(vertex, []).append(facet)
    return {v: (f[0], f[1]) for v, f in beside.items() if len(f) == 2}


def _angles(mesh: FiniteMesh) -> Array:
    """The angle (n,) that the cells around each vertex fill, between the tangents of their edges."""
    corners = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    everything = np.arange(len(mesh.cells))
    tangents = np.broadcast_to(mesh.jacobian(everything, corners), (len(everything), 3, 2, 2))
    along, across = tangents[..., 0], tangents[..., 1]
    total = np.zeros(len(mesh.points))
    for k, (a, b) in enumerate([(along, across), (across - along, -along), (-across, along - across)]):
        a, b = a[:, k], b[:, k]
        turn = np.arctan2(np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]), (a * b).sum(axis=1))
        np.add.at(total, mesh.cells[:, k], turn)
    return total


def _taken(system: System, place: Array, one: int, last: int) -> str | None:
    """What the later of two prescribed values that differ at a point makes of it; None where they agree."""
    symbols = system.symbols
    values = [symbols.number(system.essential[n].value) for n in (one, last)]
    clock = [symbols.time] if symbols.time is not None else []
    function = emit(values, [*symbols.coordinates, *clock], np)
    moments = [np.linspace(*system.span, _MOMENTS)] if system.span is not None else []
    points = [np.full(_MOMENTS if moments else 1, c) for c in place]
    a, b = (np.broadcast_to(np.asarray(v, float), points[0].shape) for v in function(*points, *moments))
    if np.abs(a - b).max() <= _SAME * max(np.abs(a).max(), np.abs(b).max()):
        return None
    at = ", ".join(f"{c:.4g}" for c in place)
    value = f"{b[0]:.4g}" if np.ptp(b) == 0 else str(system.essential[last].value)
    return f"({at}) takes the one declared last, {value}"
