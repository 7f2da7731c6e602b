"""From the name of a weighting, as options state it, to the rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ..declare.errors import DeclarationError, unknown_word
from .balancing import GradientNorm, NeuralTangentKernel, ReLoBRaLo
from .point_weighting import AugmentedLagrangian, ResidualAttention, SelfAdaptive
from .weighting import AbstractRule

WEIGHTINGS: dict[str, type[AbstractRule]] = {
    rule.name: rule
    for rule in (
        GradientNorm, NeuralTangentKernel, ReLoBRaLo, ResidualAttention, SelfAdaptive, AugmentedLagrangian,
    )
}  # fmt: skip
_RANGES = {
    "every": (1, float("inf")), "memory": (0, 1), "lookback": (0, 1), "temperature": (1e-6, float("inf")),
    "rate": (0, float("inf")), "growth": (1, float("inf")), "limit": (1, float("inf")),
}  # fmt: skip


def read_weighting(given: str | Mapping[str, Any]) -> AbstractRule | None:
    """A rule from its name or {name: …, option: …}; none for "none".

    Raises ``DeclarationError`` for an unknown name or option and for a value that does not fit.
    """
    options = {"name": given} if isinstance(given, str) else dict(given)
    name = options.pop("name", None)
    if name == "none" and not options:
        return None
    if name not in WEIGHTINGS:
        raise unknown_word("weighting", str(name), ["none", *WEIGHTINGS], section="weighting")
    kind = WEIGHTINGS[name]
    types = get_type_hints(kind)
    known = {field.name: types[field.name] for field in fields(kind)}
    return kind(**{option: _typed(name, option, value, known) for option, value in options.items()})


def _typed(name: str, option: str, value: Any, known: Mapping[str, Any]) -> Any:
    if option not in known:
        raise unknown_word(f"option of {name}", option, known, section="weighting")
    least, most = _RANGES[option]
    try:
        typed = TypeAdapter(known[option], config={"allow_inf_nan": False}).validate_python(value)
    except ValidationError as cause:
        expected = cause.errors()[0]["msg"].removeprefix("Input should be ")
    else:
        if least <= typed <= most:
            return typed
        expected = f"a number from {least:g} to {most:g}" if most < float("inf") else f"{least:g} or more"
    raise DeclarationError(
        f"{name}: {option}: {value!r} does not fit", expected=expected, section="weighting"
    ) from None
