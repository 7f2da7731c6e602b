"""What collocation chooses where its options leave network and schedule open: by the class of the problem."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from math import comb, pi, prod
from typing import Any

import sympy as sp

from ..declare.problem import Problem, condition_expressions
from ..forms.classify import Classification, classify
from ..geometry.corners import reentrant_corners
from ._collocation_options import CollocationOptions, NetworkOptions

DESCENT = {"width": 24, "depth": 3, "activation": "tanh", "feature_scale": 0.0}
DESCENT_STAGES = [{"adam": 300}, {"ssbroyden": 5000}]
FEATURES = {"depth": 1, "activation": "sin"}
FEATURE_STAGES = ["head", {"ssbroyden": 1000}]
# SSBroyden passes over its dense matrix in every iteration: up to these sizes that costs no more than the
# residuals do, with the memory bandwidth of a few cores and of an accelerator.
DENSE_LIMITS = {"cpu": 5_000, "gpu": 15_000}
MANY_COORDINATES = 6
# Features fill few coordinates only: as many are needed as there are polynomials of the degree that resolves.
FEATURE_COORDINATES = 5
# Points for each feature: least squares with as many rows as columns interpolates, and errs between points.
ROWS = 3
_KINKED = (
    sp.Piecewise, sp.Abs, sp.sign, sp.Heaviside, sp.Min, sp.Max, sp.floor, sp.ceiling, sp.frac, sp.Mod,
)  # fmt: skip


def bandwidth(features: int, coordinates: int) -> float:
    """B for which sines of weights uniform in ±B span as many dimensions as a quarter of the features.

    Functions on the cube of side 2 with frequencies up to B in each of d coordinates have (2B/π)^d dimensions
    (Landau and Pollak, 1962). Fewer of them, and rounding errors of nearly dependent features set the error;
    more, and the edges of the domain, where they do not suffice.
    """
    return pi / 2 * (features / 4) ** (1 / coordinates)


def feature_count(coordinates: int) -> int:
    """How many features where their number is left open: 500 for each coordinate but the first, up to 1,500,
    of which one least-squares solution takes a second on a core.
    """
    return min(max(coordinates - 1, 1), 3) * 500


def traces(features: int, coordinates: int) -> int:
    """How many of N features differ on a surface, at the most where they span what polynomials do.

    Polynomials of degree p in d coordinates have C(p + d, d) dimensions, of which C(p − 2 + d, d) vanish on
    a quadric.
    """

    def dimensions(degree: int) -> int:
        return comb(degree + coordinates, coordinates) if degree >= 0 else 0

    degree = next(p for p in count() if dimensions(p) >= features)
    return dimensions(degree) - dimensions(degree - 2)


def settled(problem: Problem, options: CollocationOptions) -> tuple[CollocationOptions, str]:
    """The options with nothing left open, and what was chosen and why in a sentence.

    Linear problems of second order in time (waves), and steady ones without a definite form (Helmholtz),
    oscillate without decay, and descent alone stalls on them: random features with a least-squares start. So
    for linear steady problems with a smooth solution, which features reach to rounding within seconds.
    Otherwise, transport included, a small network trained by quasi-Newton steps.
    """
    kind = classify(problem)
    definite = kind.type == "elliptic" and kind.coercive is not False
    if options.optimizer != "auto":
        names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in options.optimizer]
        features, reason = "head" in names, "network and schedule as given"
    elif kind.linear and (kind.time_order > 1 or (kind.steady and not definite)):
        features = True
        reason = (
            "random features with a least-squares start: the problem is linear and oscillates without decay"
        )
    elif _smooth(problem, kind):
        features = True
        reason = (
            "random features with a least-squares start: the problem is linear, steady, of few coordinates, "
            "nothing given has kinks, and the domain has neither holes nor re-entrant corners"
        )
    else:
        features, reason = False, "a small network trained by quasi-Newton steps"
    coordinates, points = len(problem.variables), options.points
    chosen, stages = (FEATURES, FEATURE_STAGES) if features else (DESCENT, DESCENT_STAGES)
    if features:
        chosen = {**chosen, "width": feature_count(coordinates)}
    given = options.network.model_dump()
    filled = {name: chosen.get(name) if value is None else value for name, value in given.items()}
    if filled["feature_scale"] is None:
        filled["feature_scale"] = bandwidth(filled["width"], coordinates)
    if features:
        total = filled["width"] * prod(filled["patches"])
        points = points.model_copy(
            update={
                "interior": max(points.interior, ROWS * total),
                "boundary": max(points.boundary, ROWS * traces(total, coordinates)),
            }
        )
    stages = stages if options.optimizer == "auto" else options.optimizer
    update = {"network": NetworkOptions(**filled), "optimizer": stages, "points": points}
    return options.model_copy(update=update), reason


def _smooth(problem: Problem, kind: Classification) -> bool:
    """Whether a linear steady problem, all known but its solution, gives no cause for singularities."""
    known = not (problem.inferred or problem.observations or any(p.infer for p in problem.parameters))
    few = len(problem.variables) <= FEATURE_COORDINATES
    if not (known and few and kind.steady and kind.linear):
        return False
    given = [e.residual for e in problem.equations]
    given += [e for condition in problem.conditions for e in condition_expressions(condition)]
    if any(e.has(*_KINKED) for e in given):
        return False
    holes = [piece for piece in problem.domain.pieces() if getattr(piece.carrier, "side", 1) < 0]
    return not holes and len(reentrant_corners(problem.domain)) == 0


def fitted(
    stages: list[Any], parameters: int, coordinates: int, single: bool, device: str
) -> tuple[list[Any], str]:
    """Stages as ``settled`` chose them, those by SSBroyden replaced where it does not fit; and why.

    ``single``: whether θ is in single precision, in which a dense inverse Hessian soon holds rounding errors
    only; ``device`` is "cpu" or an accelerator.
    """
    limit = DENSE_LIMITS["cpu" if device == "cpu" else "gpu"]
    if single:
        reason = "SOAP, then L-BFGS: in single precision a dense inverse Hessian is soon rounding errors"
    elif coordinates >= MANY_COORDINATES:
        return _replaced(stages, [{"spring": 1000}]), (
            f"SPRING: {coordinates} coordinates, where few points leave most directions of θ open"
        )
    elif parameters > limit:
        reason = (
            f"SOAP, then L-BFGS: {parameters:,} parameters, more than {limit:,}, up to which the dense "
            f"matrix of SSBroyden pays on this device ({device})"
        )
    else:
        return stages, f"SSBroyden: {parameters:,} parameters in double precision on this device ({device})"
    return _replaced(stages, [{"soap": 5000}, {"lbfgs": 5000}]), reason


def _replaced(stages: list[Any], others: list[Mapping[str, int]]) -> list[Any]:
    """``others`` in the place of SSBroyden, and of Adam, whose part SOAP and SPRING take over."""
    kept = [stage for stage in stages if isinstance(stage, str)]
    return [*kept, *others]
