"""Reading a nested mapping into a typed model; every complaint has its place and, where one fits, a mend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from ..declare.errors import DeclarationError, Place

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[str | int, ...]


def read_options(
    model: type[Model],
    values: Mapping[str, Any],
    section: Path = (),
    place: Callable[[Path], Place | None] = lambda path: None,
) -> Model:
    """The values as an instance of the model.

    ``section`` is the path of the values within the problem file and ``place`` gives the line of a path.
    Raises ``DeclarationError`` for the first fault.
    """
    try:
        return model.model_validate(dict(values))
    except ValidationError as cause:
        # within a union, the branch that got furthest says most: the longest path first, a literal last
        fault = max(
            cause.errors(),
            key=lambda e: (e["type"] == "extra_forbidden", len(e["loc"]), e["type"] != "literal_error"),
        )
        raise _complaint(model, values, fault, section, place) from None


def describe(model: type[BaseModel], prefix: str = "") -> list[str]:
    """One line an option: its dotted name, type, default and description; nested models follow in place."""
    lines = []
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += describe(field.annotation, f"{prefix}{name}.")
            continue
        default = "" if field.is_required() else f" = {_shown(field.get_default(call_default_factory=True))}"
        lines.append(f"{prefix}{name}: {_kind(field.annotation)}{default}")
        if field.description:
            lines.append(f"    {' '.join(field.description.split())}")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, BaseModel):
        return "{" + ", ".join(f"{k}: {_shown(v)}" for k, v in value) + "}"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return str(value)


def _kind(annotation: Any) -> str:
    """A type as people write it: ``int``, ``'tanh' | 'sin'``, ``list of Stage``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(map(str, arguments))
    if origin in (Union, UnionType):
        return " | ".join(_kind(argument) for argument in arguments)
    if origin is Annotated:
        return _kind(arguments[0])
    if origin in (list, tuple, Sequence):
        return f"list of {_kind(arguments[0])}"
    if origin in (dict, Mapping):
        return f"mapping of {_kind(arguments[1])}"
    return "none" if annotation is NoneType else getattr(annotation, "__name__", str(annotation))


def _complaint(
    model: type[BaseModel],
    values: Mapping[str, Any],
    fault: Any,
    section: Path,
    place: Callable[[Path], Place | None],
) -> DeclarationError:
    from ..declare.errors import DeclarationError, unknown_word

    path, value = _walk(values, fault["loc"])
    dotted = ".".join(str(part) for part in (*section, *path))
    where = place((*section, *path))
    if fault["type"] == "extra_forbidden":
        owner, _, name = dotted.rpartition(".")
        known = _names_beside(model, fault["loc"])
        return unknown_word(f"option of {owner}", name, known, otherwise="remove it", place=where)
    if fault["type"] == "literal_error":
        choices = [choice.strip(" '") for choice in fault["ctx"]["expected"].replace(" or ", ",").split(",")]
        return unknown_word(f"{dotted}", str(value), choices, place=where)
    if fault["type"] == "missing":
        return DeclarationError(f"{dotted} is missing", mend=f"add {path[-1]}: …", place=where)
    expected = fault["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    if fault["type"] == "model_type":
        expected = f"a mapping with {', '.join(_names_beside(model, (*fault['loc'], '')))}"
    return DeclarationError(f"{dotted}: {value!r} does not fit", expected=expected, place=where)


def _walk(values: Any, location: Sequence[str | int]) -> tuple[Path, Any]:
    """The part of pydantic's location that stands in the values (it also names branches of unions)."""
    path: list[str | int] = []
    for position, part in enumerate(location):
        entries = dict(enumerate(values)) if isinstance(values, (list, tuple)) else values
        if isinstance(entries, Mapping) and part in entries:
            values = entries[part]
        elif position < len(location) - 1 or not isinstance(values, Mapping):
            continue
        path.append(part)
    return tuple(path), values


def _names_beside(model: Any, location: Sequence[str | int]) -> list[str]:
    """Field names of the model that the last part of a location was looked up in."""
    found = model
    for part in location[:-1]:
        candidates = _models_in(found.model_fields[part].annotation) if part in found.model_fields else []
        named = [c for c in _models_in_fields(found) if c.__name__ == part]
        if len(candidates) == 1:
            found = candidates[0]
        elif named:
            found = named[0]
    return list(found.model_fields)


def _models_in_fields(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [m for field in model.model_fields.values() for m in _models_in(field.annotation)]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for argument in getattr(annotation, "__args__", ()) for m in _models_in(argument)]
