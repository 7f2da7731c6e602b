"""Which reference a run is judged by, checked before the run and made when first needed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from pydantic import Field, create_model

from ..declare.errors import DeclarationError, unknown_word
from ..forms import FormUnavailable
from ..solvers import Options, read_options
from .monitor import HeldPoints
from .numerics import cache_folder
from .progress import Display, Silent
from .settings import KeyPath, Sections

if TYPE_CHECKING:
    from ..declare import Problem
    from ..reference import Reference

_MOST_MISSING = 0.01  # share of the domain, as comparisons allow
KINDS = ("fem", "exact", "data")

Plan = Callable[[Display], "Reference"]
Kind = TypeVar("Kind")


def plan_reference(problem: Problem, sections: Sections, tolerance: float) -> Plan:
    """What makes the reference that the section ``reference`` asks for.

    Without the section: the exact solution where the problem has one, else finite elements. Exact and data
    references are made here, so that one that does not fit is a ``DeclarationError`` before anything runs.
    """
    from ..reference import ReferenceUnavailable

    section = sections.section("reference")
    kind = _kind(section, sections, "exact" if problem.exact else "fem")
    content = section.get(kind)
    try:
        if kind == "fem":
            return _finite_elements(problem, content or {}, sections, tolerance)
        reference = (_exact if kind == "exact" else _data)(problem, content, sections)
    except (ReferenceUnavailable, FormUnavailable) as fault:
        what = f"{fault.what}: {fault.reason}" if fault.reason else fault.what
        place = sections.place(("reference", kind))
        raise DeclarationError(what, mend=fault.mend, place=place) from None
    _check_quantities(reference)
    known = HeldPoints(problem, reference).known
    if (known < 1 - _MOST_MISSING and kind == "exact") or not known:
        raise DeclarationError(
            f"the {kind} reference has no value at {1 - known:.0%} of the domain",
            expected="finite values throughout", mend="mend its expressions, or take another reference",
            place=sections.place(("reference", kind)),
        )  # fmt: skip
    return lambda shown: reference


def reference_of(
    problem: Problem,
    against: str | Path | None,
    tolerance: float,
    sections: Sections | None = None,
    shown: Display | None = None,
) -> Reference:
    """The reference of a choice: ``fem``, ``exact``, a data file, or None for the one of the sections."""
    sections = sections or Sections({})
    if against is not None:
        choice = str(against)
        stated = sections.section("reference")
        chosen = {choice: stated.get(choice)} if choice in ("fem", "exact") else {"data": {"file": choice}}
        sections = Sections({"reference": chosen})
    return plan_reference(problem, sections, tolerance)(shown or Silent())


def _kind(section: Mapping[str, Any], sections: Sections, default: str) -> str:
    for key in section:
        if key not in KINDS:
            example = "write, for instance, reference: {fem: {}}"
            place = sections.place(("reference", key))
            raise unknown_word("kind of reference", key, KINDS, otherwise=example, place=place)
    if len(section) > 1:
        raise DeclarationError(
            f"reference: {' and '.join(section)} are given", expected="one reference",
            mend="keep one; `pinnkit validate DIR --against …` takes another afterwards",
            place=sections.place(("reference", list(section)[1])),
        )  # fmt: skip
    return next(iter(section), default)


def _check_quantities(reference: Reference) -> None:
    """Raise ``DeclarationError``, at its place, for a quantity without a finite reference value."""
    from ..reference import QuantityUnavailable

    try:
        reference.quantities()
    except QuantityUnavailable as fault:
        what = f"{fault.what}: {fault.reason}"
        place = fault.quantity.place
        raise DeclarationError(what, expected="a finite number", mend=fault.mend, place=place) from None


def _finite_elements(problem: Problem, content: Any, sections: Sections, tolerance: float) -> Plan:
    from ..forms import weak_form
    from ..reference import FemOptions, fem_reference

    options = _read(FemOptions, content, ("reference", "fem"), sections)
    weak_form(problem)  # a form that cannot be derived should not come to light after minutes
    folder = cache_folder() / "references"

    def make(shown: Display) -> Reference:
        reference = fem_reference(problem, options, tolerance, progress=shown.working, cache=folder)
        _check_quantities(reference)
        return reference

    return make


def _exact(problem: Problem, content: Any, sections: Sections) -> Reference:
    """From the expressions given with the reference, else the problem's own."""
    from ..declare.expressions import parse
    from ..reference import exact_reference

    if not content:
        return exact_reference(problem)
    known = {str(symbol): symbol for symbol in (*problem.variables, *problem.parameters)}
    expressions = {}
    for name, text in _mapping(content, ("reference", "exact"), sections).items():
        try:
            expressions[name] = parse(str(text), known, problem.coordinates)
        except DeclarationError as complaint:
            raise complaint.at(sections.place(("reference", "exact", name))) from None
    return exact_reference(problem, expressions)


def _data(problem: Problem, content: Any, sections: Sections) -> Reference:
    from ..reference import DataOptions, data_reference

    named = {"file": content} if isinstance(content, str) else content or {}
    options = _read(DataOptions, named, ("reference", "data"), sections)
    beside = sections.folder(("reference", "data"))
    return data_reference(problem, dataclasses.replace(options, file=beside / options.file))


def _mapping(values: Any, section: KeyPath, sections: Sections) -> Mapping[str, Any]:
    if not isinstance(values, Mapping):
        raise DeclarationError(
            f"{'.'.join(map(str, section))}: {values!r} is no mapping", expected="{name: value, …}",
            place=sections.place(section),
        )  # fmt: skip
    return values


def _read(kind: type[Kind], values: Any, section: KeyPath, sections: Sections) -> Kind:
    """Values as a dataclass of another room, with the complaints that typed options have."""
    values = _mapping(values, section, sections)
    hints = get_type_hints(kind)
    columns: dict[str, Any] = {}
    for entry in dataclasses.fields(kind):  # pyright: ignore[reportArgumentType]
        default: Any = ... if entry.default is dataclasses.MISSING else entry.default
        if entry.default_factory is not dataclasses.MISSING:
            default = Field(default_factory=entry.default_factory)
        columns[entry.name] = (hints[entry.name], default)
    model = create_model(kind.__name__, __base__=Options, **columns)
    checked = read_options(model, values, section, sections.place)
    return kind(**{name: getattr(checked, name) for name in columns})
