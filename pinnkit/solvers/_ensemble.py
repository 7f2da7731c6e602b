"""Networks of subdomains: how they are drawn, and what follows from the problem where it was left open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import equinox as eqx
import jax
import numpy as np
from jax import Array

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.ensemble import Ensemble
from ..fields.model import Group
from ..forms.classify import classify
from ..geometry.errors import GeometryError
from ..geometry.partitions import Cuts, axis_cuts
from ._collocation_defaults import bandwidth
from ._collocation_options import CollocationOptions, NetworkOptions
from ._networks import drawn_network
from ._subdomain_options import Subdomains

Options = TypeVar("Options", bound=CollocationOptions)

DESCENT = {"width": 16, "depth": 2, "activation": "tanh", "feature_scale": 0.0}
DESCENT_STAGES = [{"adam": 300}, {"ssbroyden": 5000}]
# Features for each subdomain by the number of its coordinates, and how many of them one solution affords.
FEATURES, MOST_FEATURES = {1: 32, 2: 80, 3: 160}, 4000
_MOST_CUT = 3  # variables that are halved
_ROWS = 3  # points for each feature: with as many rows as columns least squares interpolates


def cuts_of(problem: Problem, parts: Subdomains) -> Cuts:
    """The inner cuts of every variable; where nothing was asked for, the first ones are halved.

    Raises ``DeclarationError`` for cuts that the problem has no place for.
    """
    names = [v.name for v in problem.variables]
    periodic = [v.name for v in problem.periodic]
    if not parts:
        parts = dict.fromkeys([name for name in names if name not in periodic][:_MOST_CUT], 2)
    try:
        cuts = axis_cuts(parts, names, problem.lower, problem.upper)
    except GeometryError as fault:
        raise DeclarationError(
            fault.what, expected=fault.expected, mend=fault.mend, section="subdomains"
        ) from fault
    for name, inner in zip(names, cuts, strict=True):
        if inner and name in periodic:
            raise DeclarationError(
                f"subdomains: {name} is periodic and cut into {len(inner) + 1}", section="subdomains",
                expected="1 for a periodic coordinate", mend=f"drop {name}, or cut along another one",
            )  # fmt: skip
    return cuts


def drawn_ensemble(
    problem: Problem,
    options: Sequence[NetworkOptions],
    group: Group,
    key: Array,
    boxes: tuple[np.ndarray, np.ndarray],
) -> Ensemble:
    """A network for each box, given by their corners (boxes, d), drawn independently."""
    kinds = list(dict.fromkeys(options))
    for network in kinds:
        _require_fitting(network)
    keys = jax.random.split(key, len(options))
    parts = []
    for network in kinds:
        plain = network.model_copy(update={"holes": False})
        own = keys[np.array([k for k, other in enumerate(options) if other == network])]
        parts.append(eqx.filter_vmap(lambda one, n=plain: drawn_network(problem, n, group, one))(own))
    lower, upper = (tuple(map(tuple, corner.tolist())) for corner in boxes)
    return Ensemble(tuple(parts), tuple(kinds.index(network) for network in options), lower, upper)


def _require_fitting(network: NetworkOptions) -> None:
    fitting = ("mlp", "modified_mlp", "features")
    if network.kind not in fitting or network.fourier_features or network.gabor_features or network.patches:
        what = f"kind: {network.kind}" if network.kind not in fitting else "waves or patches"
        raise DeclarationError(
            f"network: {what} in each subdomain", section="network",
            expected=f"kind: {', '.join(fitting)}, without waves and patches",
            mend="cut more finely instead, which resolves as much",
        )  # fmt: skip


def settled_in_parts(problem: Problem, options: Options, count: int) -> tuple[Options, str]:
    """The options with nothing left open for ``count`` subdomains, and what was chosen and why.

    Linear problems get random features and their least-squares solution, as far as it can be afforded;
    others small networks that are trained together.
    """
    d = len(problem.variables)
    known = not (problem.inferred or problem.observations or any(p.infer for p in problem.parameters))
    width = options.network.width or FEATURES.get(d, 200)
    features = False
    if options.optimizer != "auto":
        names = [e if isinstance(e, str) else next(iter(e)) for e in options.optimizer]
        features, reason = "head" in names, "network and schedule as given"
    elif known and d <= max(FEATURES) and classify(problem).linear and count * width <= MOST_FEATURES:
        features = True
        reason = "the problem is linear: random features in every subdomain, solved by least squares"
    else:
        reason = "small networks in all subdomains, trained together"
    given = options.network.model_dump()
    chosen = {"width": width, "depth": 1, "activation": "sin"} if features else DESCENT
    filled = {name: chosen.get(name) if value is None else value for name, value in given.items()}
    if filled["feature_scale"] is None:
        filled["feature_scale"] = bandwidth(width, d)
    changed = {"network": NetworkOptions(**filled)}
    if options.optimizer == "auto":
        changed["optimizer"] = ["head"] if features else DESCENT_STAGES
    if features:
        rows = max(options.points.interior, _ROWS * count * width)
        changed["points"] = options.points.model_copy(update={"interior": rows, "pool": 1})
    return options.model_copy(update=changed), f"{reason}; {count} subdomains"
