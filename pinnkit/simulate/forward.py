"""A forward simulation, refined in space and time until two levels agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..declare.problem import Problem
from ..geometry.sampling import interior
from .choose import Backend, choose
from .integrate import STAGES, Integration, Scheme, TimeOptions, explicit_steps, integrate
from .record import recorded
from .simulator import Inputs, Simulator, declared_inputs
from .spectral import Spectral
from .trajectory import SplineField

_LEAST = 1e-13  # tolerance of integration in time
_START = {1: 64, 2: 24, 3: 12}  # cells along each axis at the first level, by dimension
_SLICES = {1: 129, 2: 65, 3: 33}  # times kept at the first level
_SAMPLES = 4096
_DENSE = 1500  # states at which the implicit schemes' dense factors become too large
_MANY_STEPS = 20_000
_STRAY, _FEW_STEPS = 8, 5_000  # times the steps that stability asks for, and as many more
_SAFETY = 0.05  # of the tolerance, left to the integration in time
_TIGHTER = 10  # times tighter in time with every level: what time leaves grows on finer grids


@dataclass(frozen=True)
class ForwardOptions:
    """How to simulate; None and ``auto`` leave a choice to the problem."""

    backend: Backend | None = None
    order: int = 6
    points: int | None = None
    scheme: Literal["auto", "explicit", "imex", "implicit"] = "auto"
    tolerance: float = 1e-6
    work: float = 4e9


@dataclass(frozen=True)
class Level:
    """One resolution: cells along each axis, times kept, ETDRK steps between them, tolerance of others."""

    points: tuple[int, ...]
    slices: int
    substeps: int
    tolerance: float


@dataclass(frozen=True)
class Forward:
    """A simulation that ended: the field, its estimated relative L2 error, and its resolution."""

    field: SplineField
    error: float
    notes: tuple[str, ...]
    simulator: Simulator
    level: Level
    scheme: Scheme
    most: int


class Start(NamedTuple):
    """A simulator of the first resolution, and how it would be run."""

    simulator: Simulator
    level: Level
    scheme: Scheme
    most: int


class BlowUp(RuntimeError):
    """A simulation that ended before its time; the text says when."""


def simulate(
    problem: Problem, options: ForwardOptions, inputs_of: Callable[[Simulator], Inputs] | None = None
) -> Forward:
    """Simulate at finer and finer resolution until the estimated error is within the tolerance.

    The error is estimated by the difference of two levels and the rate at which it falls. Where the next
    level would cost more than ``work`` (evaluations × cells × states), the last one stands and a note says
    so. With ``points`` given there is one level. Raises ``FormUnavailable`` for what the back-end cannot
    do, ``BlowUp`` where no level comes to the end.
    """
    name, make, reason = choose(problem, options.backend, options.order)
    level = _first(problem, options)
    samples = _samples(problem)
    notes = [f"back-end {name}: {reason}"]
    found: SplineField | None = None
    previous = difference = error = float("inf")
    best: tuple[SplineField, Simulator, Level, Scheme, int] | None = None
    lost = ""
    while True:
        simulator = make(problem, level.points)
        inputs = declared_inputs(problem) if inputs_of is None else inputs_of(simulator)
        scheme, most = _scheme(simulator, inputs, options)
        run = _runner(simulator, inputs, level, scheme, most)
        values, steps = run(level.substeps)
        cost = float(steps * STAGES[scheme] * prod(level.points) * len(simulator.states))
        if np.isfinite(values).all():
            field, between = recorded(simulator, inputs, values)
            previous, difference = difference, _difference(found, field, samples) if found else float("inf")
            error = max(_settled(difference, previous), between)
            found, best = field, (field, simulator, level, scheme, most)
        else:
            lost, between, found = _when(problem, values, level), 0.0, None
        if options.points is not None or (best is not None and error <= options.tolerance):
            break
        more = _finer(level, between > options.tolerance / 2)
        if scheme == "etdrk" and found is not None and _on_time(run, values, level, options.tolerance):
            more = replace(more, substeps=level.substeps // (1 if more.slices == level.slices else 2))
        growth = 2 ** len(level.points) * (
            4 if scheme != "etdrk" else more.slices * more.substeps / (level.slices * level.substeps)
        )
        if cost * growth > options.work:
            notes.append(f"the next refinement would exceed the work allowed ({options.work:.1g})")
            break
        level = more
    if best is None:
        raise BlowUp(lost)
    field, simulator, kept, scheme, most = best
    size = " × ".join(map(str, kept.points))
    notes += simulator.notes
    notes.append(f"{size} cells, {kept.slices} times kept, {_scheme_words(scheme, simulator)}")
    notes.append(
        "one resolution, as asked for: no error estimate" if not np.isfinite(error)
        else f"estimated relative error {error:.1e}, from the difference of two resolutions"
    )  # fmt: skip
    return Forward(field, error, tuple(notes), simulator, kept, scheme, most)


def first_resolution(
    problem: Problem, options: ForwardOptions, inputs_of: Callable[[Simulator], Inputs]
) -> Start:
    """What ``simulate`` would begin with."""
    _, make, _ = choose(problem, options.backend, options.order)
    level = _first(problem, options)
    simulator = make(problem, level.points)
    return Start(simulator, level, *_scheme(simulator, inputs_of(simulator), options))


def _first(problem: Problem, options: ForwardOptions) -> Level:
    """Cells in proportion to the sides, the longest with the most."""
    low, high = problem.domain.bounds
    dimension = len(low)
    sides = np.subtract(high, low)
    count = options.points or _START.get(dimension, 8)
    points = tuple(max(8, 2 * int(np.ceil(count * s / sides.max() / 2))) for s in sides)
    return Level(points, _SLICES.get(dimension, 17), 4, max(_SAFETY * options.tolerance, _LEAST))


def _finer(level: Level, more_slices: bool) -> Level:
    slices = 2 * level.slices - 1 if more_slices else level.slices
    # Spectral steps halve with every level, whether by more times kept or between them.
    substeps = level.substeps if more_slices else 2 * level.substeps
    tolerance = max(level.tolerance / _TIGHTER, _LEAST)
    return Level(tuple(2 * n for n in level.points), slices, substeps, tolerance)


def _on_time(
    run: Callable[[int], tuple[np.ndarray, int]], values: np.ndarray, level: Level, tolerance: float
) -> bool:
    """Whether spectral steps are short enough already, by what twice as long ones change (fourth order)."""
    if level.substeps < 2:
        return False
    longer, _ = run(level.substeps // 2)
    size = np.linalg.norm(values) or 1.0
    return bool(np.linalg.norm(values - longer) / size / 15 < tolerance / 8)


def _scheme(simulator: Simulator, inputs: Inputs, options: ForwardOptions) -> tuple[Scheme, int]:
    """The scheme, and the steps after which a run counts as lost: it shrinks its steps as it blows up."""
    if isinstance(simulator, Spectral):
        return "etdrk", 0
    clock = simulator.problem.time
    steps = explicit_steps(simulator, inputs, simulator.start(inputs), clock.end - clock.start)
    most = int(_STRAY * steps) + _FEW_STEPS if np.isfinite(steps) else _FEW_STEPS
    if options.scheme != "auto":
        return options.scheme, most
    states = len(simulator.states) * prod(simulator.grid.counts)
    return ("implicit", _FEW_STEPS) if steps > _MANY_STEPS and states <= _DENSE else ("explicit", most)


def _scheme_words(scheme: Scheme, simulator: Simulator) -> str:
    words = {
        "explicit": "explicit in time, steps adapted to accuracy and stability",
        "implicit": "implicit in time, for the explicit limit on steps would be too small",
        "imex": "implicit in time for the linear part, explicit for the rest",
        "etdrk": "exponential time differencing of fourth order",
    }
    return f"{words[scheme]}; {simulator.order if scheme != 'etdrk' else 'spectral'} order in space"


def _runner(
    simulator: Simulator, inputs: Inputs, level: Level, scheme: Scheme, most: int
) -> Callable[[int], tuple[np.ndarray, int]]:
    """The trajectory and the number of steps, for ETDRK steps between the times kept."""
    clock = simulator.problem.time
    times = jnp.linspace(clock.start, clock.end, level.slices)

    @jax.jit
    def run(given: Inputs, substeps: Any) -> Integration:
        options = TimeOptions(scheme, level.tolerance, substeps, most, "forward")
        return integrate(simulator, given, simulator.start(given), times, options)

    traced = Inputs({n: jnp.asarray(v) for n, v in inputs.parameters.items()}, inputs.fields)

    def result(substeps: int) -> tuple[np.ndarray, int]:
        found = run(traced, substeps)
        return np.asarray(found.values), int(found.steps)

    return result


def _samples(problem: Problem) -> np.ndarray:
    clock = problem.time
    return interior(problem.domain, _SAMPLES, seed=0, time=(clock.start, clock.end))


def _difference(coarse: SplineField, fine: SplineField, points: np.ndarray) -> float:
    """The largest relative L2 difference of an unknown; of one that vanishes, relative to the largest."""
    a, b = coarse(points), fine(points)
    sizes = {n: float(np.sqrt(np.mean(b[n] ** 2))) for n in b}
    largest = max(sizes.values()) or 1.0
    scale = {n: s if s > 1e-10 * largest else largest for n, s in sizes.items()}
    return max(float(np.sqrt(np.mean((a[n] - b[n]) ** 2))) / scale[n] for n in b)


def _settled(difference: float, previous: float) -> float:
    """The error of the finer of two levels, where differences fall as a geometric series."""
    ratio = previous / difference if np.isfinite(previous) and difference else 0.0
    return difference / (min(ratio, 64.0) - 1) if ratio > 2 else difference


def _when(problem: Problem, values: np.ndarray, level: Level) -> str:
    clock = problem.time
    bad = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
    last = max(int(bad.argmax()) - 1, 0)
    t = clock.start + (clock.end - clock.start) * last / (len(values) - 1)
    size = " × ".join(map(str, level.points))
    return (
        f"the simulation blew up after {clock} = {t:g} on {size} cells; take more points or another back-end "
        "(finite_volume for shocks), and check the signs of the highest derivatives"
    )
