"""What collocation chooses where its options leave network and schedule open: by the class of the problem."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..declare.problem import Problem
from ..forms.classify import classify
from ._collocation_options import CollocationOptions, NetworkOptions

DESCENT = {"width": 24, "depth": 3, "activation": "tanh", "feature_scale": 0.0}
DESCENT_STAGES = [{"adam": 300}, {"ssbroyden": 5000}]
FEATURES = {"width": 600, "depth": 1, "activation": "sin", "feature_scale": 8.0}
FEATURE_STAGES = ["head", {"ssbroyden": 1000}]
# SSBroyden passes over its dense matrix in every iteration: up to these sizes that costs no more than the
# residuals do, with the memory bandwidth of a few cores and of an accelerator.
DENSE_LIMITS = {"cpu": 5_000, "gpu": 15_000}
MANY_COORDINATES = 6


def settled(problem: Problem, options: CollocationOptions) -> tuple[CollocationOptions, str]:
    """The options with nothing left open, and what was chosen and why in a sentence.

    Linear problems of second order in time (waves), and steady ones without a definite form (Helmholtz),
    oscillate without decay, and descent alone stalls on them: random features with a least-squares start.
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
    else:
        features, reason = False, "a small network trained by quasi-Newton steps"
    chosen, stages = (FEATURES, FEATURE_STAGES) if features else (DESCENT, DESCENT_STAGES)
    given = options.network.model_dump()
    network = NetworkOptions(
        **{name: chosen.get(name) if value is None else value for name, value in given.items()}
    )
    stages = stages if options.optimizer == "auto" else options.optimizer
    return options.model_copy(update={"network": network, "optimizer": stages}), reason


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
