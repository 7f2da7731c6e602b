"""A problem with an objective, from declaration to solution: controls found on one grid, then judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..declare.functions import evaluate
from ..declare.problem import Problem
from .control import Shooting
from .control_basis import ControlBasis, controlled
from .forward import Forward, ForwardOptions, first_resolution, simulate
from .shoot import shoot
from .simulator import Inputs, Simulator, needed_fields
from .trajectory import Solved, SplineFields

_SEARCHING = 1e-3  # relative error of the simulation whose grid the search takes
_SLICES = 8  # times kept for every interval of the controls' splines


def solve_control(problem: Problem, forward: ForwardOptions, intervals: int) -> Solved:
    """The controls that make the objective least, and the states under them at the accuracy asked for.

    They are sought on the grid that the uncontrolled problem needs for 0.1 %, or on the one given. The notes
    have how far the targets are missed on that grid and on the final one.
    """
    bases = [ControlBasis(problem, f.func.__name__, intervals) for f in problem.inferred]
    size = sum(int(np.prod(basis.shape)) for basis in bases)
    rough = replace(forward, tolerance=max(forward.tolerance, _SEARCHING))
    still = _inputs_of(bases, np.zeros(size))
    if forward.points is None:
        simulator = simulate(problem, rough, still).simulator
    else:
        simulator = first_resolution(problem, rough, still).simulator
    shooting = Shooting(problem, simulator, intervals, _SLICES * intervals + 1)
    found = shoot(shooting, jax.tree.map(lambda leaf: leaf[None], shooting.case()))
    theta = found.theta[0]
    final = simulate(problem, forward, _inputs_of(bases, theta))
    grid = " × ".join(map(str, simulator.grid.counts))
    steps = f"{found.iterations} Gauss–Newton steps on {grid} cells"
    notes = [f"objective {found.objective[0]:.6g} after {steps}"]
    assert problem.objective is not None
    if problem.objective.target:
        allowed = problem.objective.tolerance
        missed = float(found.miss[0]), _missed(problem, final)
        where = f"on these cells, {missed[1]:.1e} in the simulation at the end"
        notes.append(f"the target is missed by {missed[0]:.1e} {where} (relative L2; allowed {allowed:.1e})")
        if missed[0] > allowed:
            notes.append("the controls cannot bring the states nearer: allow more intervals, or more time")
        elif missed[1] > allowed:
            notes.append("the grid of the search is too coarse for the target: set solver.cells higher")
    fields = SplineFields([final.field, *_parts(bases, theta)])
    return Solved(fields, {}, (*final.notes, *notes))


def _inputs_of(bases: list[ControlBasis], theta: np.ndarray) -> Any:
    def inputs(simulator: Simulator) -> Inputs:
        return controlled(bases, simulator, jnp.asarray(theta), needed_fields(simulator))

    return inputs


def _parts(bases: list[ControlBasis], theta: np.ndarray) -> list[Any]:
    parts, place = [], 0
    for basis in bases:
        size = int(np.prod(basis.shape))
        parts.append(basis.field(theta[place : place + size]))
        place += size
    return parts


def _missed(problem: Problem, final: Forward) -> float:
    """How far the states are from their targets at the end, relative to the targets, in the L2 norm."""
    mesh = np.meshgrid(
        *(final.simulator.grid.line(a) for a in range(len(problem.coordinates))), indexing="ij"
    )  # fmt: skip
    points = np.stack([*(m.ravel() for m in mesh), np.full(mesh[0].size, problem.time.end)], axis=1)
    states = final.field(points)
    given: dict[Any, Any] = dict(zip(problem.variables, points.T, strict=True))
    given |= {p: np.full(len(points), p.value) for p in problem.parameters}
    assert problem.objective is not None
    off, size = 0.0, 0.0
    for unknown, value in problem.objective.target:
        goal = np.broadcast_to(evaluate(value, given), len(points))
        off += float(np.mean((states[unknown.func.__name__] - goal) ** 2))
        size += float(np.mean(goal**2))
    return float(np.sqrt(off / (size or 1.0)))
