"""From a problem's weak form to the system that finite elements solve."""

from __future__ import annotations

from dataclasses import replace

import sympy as sp

from ..declare.conditions import Dirichlet, PointValue
from ..declare.problem import Problem
from ..declare.symbols import normal
from ..forms.boundary import periodic_boundaries
from ..forms.jets import Jet, JetSymbol
from ..forms.weak import WeakForm, weak_form
from ..geometry.shapes import BOUNDARY
from .base import ReferenceUnavailable
from .kernels import Channel, Integrand, Symbols
from .system import Essential, Pin, System
from .wellposed import refuse_misplaced, refuse_unsolvable


def derive(problem: Problem) -> System:
    """The system of a problem in one to three space coordinates.

    Unknowns with a second time derivative beside others without get their velocity as a further unknown.
    Raises ``ReferenceUnavailable`` or ``FormUnavailable`` with the reason for what finite elements do not do.
    """
    refuse_unsolvable(problem)
    form = weak_form(problem)
    refuse_misplaced(problem, form)
    names = tuple(f.func.__name__ for f in problem.solved)
    number = {name: k for k, name in enumerate(names)}
    expressions = [e for q in form.equations for e in (*q.flux, q.source)] + [t.flux for t in form.natural]
    symbols = sorted(set().union(*(e.atoms(JetSymbol) for e in expressions)), key=lambda s: s.jet)
    channels = {s: _channel(s.jet, problem, number) for s in symbols}
    alphabet = Symbols(
        problem.coordinates,
        problem.time,
        tuple(normal(c) for c in problem.coordinates),
        channels,
        {p: p.value for p in problem.parameters},
    )
    integrands = tuple(Integrand(number[q.test], q.flux, q.source) for q in form.equations)
    test = {q.name: number[q.test] for q in form.equations}
    boundary: dict[str, list[Integrand]] = {}
    zero = (sp.S.Zero,) * len(problem.coordinates)
    for term in form.natural:
        boundary.setdefault(term.where, []).append(Integrand(test[term.equation], zero, term.flux))
    order = max((c.rate for c in channels.values()), default=0)
    if problem.time is not None and not order:
        raise ReferenceUnavailable(
            f"finite elements: {problem.name} has a time but no time derivative",
            reason="every moment is a steady problem of its own",
            mend="declare it at one time, or give an exact or data reference",
        )
    system = System(
        problem,
        names,
        alphabet,
        integrands,
        {k: tuple(v) for k, v in boundary.items()},
        _essential(form, problem, number),
        tuple(_pin(p, problem, number) for p in form.points),
        {(number[i.unknown], i.order): i.value for i in form.initial},
        _lowered(integrands, channels),
        _differential(channels),
        tuple(problem.coordinates.index(c) for c in form.periodic),
        order,
    )
    return _with_velocities(system) if order == 2 and not _all_second_order(system) else system


def _declared(problem: Problem, unknown: str, where: str) -> int:
    """The place in the declaration of the last condition that prescribes an unknown on a boundary."""
    given = [(c.unknown.func.__name__, c.where) for c in problem.of_kind(Dirichlet)]
    places = [k for k, (name, on) in enumerate(given) if name == unknown and on in (where, BOUNDARY)]
    return max(places, default=-1)


def _essential(form: WeakForm, problem: Problem, number: dict[str, int]) -> tuple[Essential, ...]:
    """Prescribed values; ``boundary`` leaves out the sides that a periodic condition joins."""
    joined = periodic_boundaries(problem)
    found = []
    # Where two boundaries meet, the value that is declared last holds.
    terms = sorted(form.essential, key=lambda t: _declared(problem, t.unknown, t.where))
    for term in terms:
        everywhere = term.where == BOUNDARY and joined
        names = [n for n in problem.domain.boundary_names if n not in joined] if everywhere else [term.where]
        found += [Essential(number[term.unknown], name, term.value) for name in names]
    return tuple(found)


def _pin(point: PointValue, problem: Problem, number: dict[str, int]) -> Pin:
    if len(point.at) > len(problem.coordinates):
        raise ReferenceUnavailable(
            f"finite elements: {point.unknown} is given at a point of space and time",
            reason="elements are held at a point of space, at all times",
            mend="give the value at a point of space",
        )
    return Pin(number[point.unknown.func.__name__], point.value, point.at)


def _channel(jet: Jet, problem: Problem, number: dict[str, int]) -> Channel:
    space = jet.index[: len(problem.coordinates)]
    axis = next((i + 1 for i, n in enumerate(space) if n), 0)
    return Channel(number[jet.unknown], axis, jet.order - sum(space))


def _lowered(integrands: tuple[Integrand, ...], channels: dict[sp.Symbol, Channel]) -> frozenset[int]:
    """Multipliers: absent from the equation they are tested with, and without derivatives anywhere else.

    They are taken one degree below the others (Taylor & Hood 1973), which keeps the pair stable.
    """
    found = set()
    for own in integrands:
        mine = {s for s, c in channels.items() if c.unknown == own.equation}
        absent = not set().union(*(e.free_symbols for e in own.rows)) & mine
        plain = all(channels[s].axis == 0 and channels[s].rate == 0 for s in mine)
        presses = any(f.free_symbols & mine for i in integrands for f in i.flux)
        if absent and plain and presses:
            found.add(own.equation)
    return frozenset(found)


def _differential(channels: dict[sp.Symbol, Channel]) -> tuple[int, ...]:
    return tuple(sorted({c.unknown for c in channels.values() if c.rate}))


def _all_second_order(system: System) -> bool:
    """Whether every unknown's own equation holds its second time derivative."""
    channels = system.symbols.channels
    return all(
        any(
            channels[s].unknown == i.equation and channels[s].rate == 2
            for e in i.rows
            for s in e.free_symbols & set(channels)
        )
        for i in system.integrands
    )


def _with_velocities(system: System) -> System:
    """The system of first order in time: a velocity w = u̇ for each unknown with a second time derivative."""
    channels = dict(system.symbols.channels)
    fast = sorted({c.unknown for c in channels.values() if c.rate == 2})
    velocity = {k: len(system.names) + i for i, k in enumerate(fast)}
    renamed = {}
    for symbol, c in channels.items():
        if c.unknown in velocity and c.rate:
            renamed[symbol] = Channel(velocity[c.unknown], c.axis, c.rate - 1)
    channels |= renamed
    integrands = [
        # The equation of motion moves the velocity, and is tested with its space.
        replace(i, equation=velocity[i.equation]) if i.equation in velocity else i
        for i in system.integrands
    ]
    zero = (sp.S.Zero,) * len(system.symbols.coordinates)
    for k, w in velocity.items():
        rate, speed = sp.Dummy(f"{system.names[k]}_rate"), sp.Dummy(f"{system.names[k]}_velocity")
        channels[rate], channels[speed] = Channel(k, 0, 1), Channel(w, 0, 0)
        integrands.append(Integrand(k, zero, rate - speed))
    boundary = {
        name: tuple(replace(i, equation=velocity.get(i.equation, i.equation)) for i in terms)
        for name, terms in system.boundary_integrands.items()
    }
    time = system.symbols.time
    essential = [
        replace(e, unknown=velocity[e.unknown], value=sp.diff(e.value, time))
        for e in system.essential
        if e.unknown in velocity
    ]
    initial = {(velocity[k] if r else k, 0): v for (k, r), v in system.initial.items()}
    return replace(
        system,
        symbols=replace(system.symbols, channels=channels),
        integrands=tuple(integrands),
        boundary_integrands=boundary,
        essential=(*system.essential, *essential),
        initial=initial,
        differential=_differential(channels),
        order=1,
        hidden=len(fast),
    )
