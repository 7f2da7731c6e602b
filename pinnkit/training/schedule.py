"""From the names of optimisers, as options state them, to the stages of a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import PositiveInt, TypeAdapter, ValidationError

from ..declare.errors import DeclarationError, unknown_word
from .checkpoint import Stage
from .dsgnar import Dsgnar
from .first_order import Adam, AdamW
from .gauss_newton import LevenbergMarquardt
from .optimiser import AbstractOptimiser
from .quasi_newton import LBFGS, SSBFGS, SSBroyden
from .random_features import HeadLeastSquares
from .soap import Soap
from .spring import Spring

OPTIMISERS: dict[str, type[AbstractOptimiser]] = {
    optimiser.name: optimiser
    for optimiser in (
        Adam,
        AdamW,
        Soap,
        LBFGS,
        SSBFGS,
        SSBroyden,
        LevenbergMarquardt,
        Dsgnar,
        Spring,
        HeadLeastSquares,
    )
}


def read_schedule(stages: Sequence[str | Mapping[str, Any]]) -> tuple[Stage, ...]:
    """Stages from names, {name: iterations} or {name: {iterations: …, option: …}}.

    Raises ``DeclarationError`` for an unknown optimiser or option, naming the ones there are, and for a
    value of another type than the option's.
    """
    return tuple(stage for entry in stages for stage in _read(entry))


def _read(entry: str | Mapping[str, Any]) -> list[Stage]:
    if isinstance(entry, str):
        entry = {entry: {}}
    return [_stage(name, {"iterations": given} if isinstance(given, int) else dict(given))
            for name, given in entry.items()]  # fmt: skip


def _stage(name: str, given: dict[str, Any]) -> Stage:
    if name not in OPTIMISERS:
        raise unknown_word("optimiser", name, OPTIMISERS, section="optimizer")
    kind = OPTIMISERS[name]
    types = get_type_hints(kind)
    known = {"iterations": PositiveInt, **{field.name: types[field.name] for field in fields(kind)}}
    options = {option: _typed(name, option, value, known) for option, value in given.items()}
    iterations = options.pop("iterations", kind.default_iterations)
    if "horizon" in known:
        options.setdefault("horizon", iterations)  # a learning rate that falls does so over the stage
    return Stage(kind(**options), iterations)


def _typed(name: str, option: str, value: Any, known: Mapping[str, Any]) -> Any:
    if option not in known:
        raise unknown_word(f"option of {name}", option, known, section="optimizer")
    try:
        return TypeAdapter(known[option], config={"allow_inf_nan": False}).validate_python(value)
    except ValidationError as cause:
        raise DeclarationError(
            f"{name}: {option}: {value!r} does not fit",
            expected=cause.errors()[0]["msg"].removeprefix("Input should be "),
            section="optimizer",
        ) from None
