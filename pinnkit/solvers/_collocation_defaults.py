"""What collocation chooses where its options leave network and schedule open: by the class of the problem."""

from __future__ import annotations

from ..declare.problem import Problem
from ..forms.classify import classify
from ._collocation_options import CollocationOptions, NetworkOptions

DESCENT = {"width": 24, "depth": 3, "activation": "tanh", "feature_scale": 0.0}
DESCENT_STAGES = [{"adam": 300}, {"ssbroyden": 5000}]
FEATURES = {"width": 600, "depth": 1, "activation": "sin", "feature_scale": 8.0}
FEATURE_STAGES = ["head", {"ssbroyden": 1000}]


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
