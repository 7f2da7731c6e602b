"""The section ``quantities`` of a problem file."""

from __future__ import annotations

from typing import Any

import sympy as sp

from .documents import Node
from .errors import DeclarationError
from .quantities import AVERAGE, DOMAIN, Quantity
from .vocabulary import Vocabulary, read_number
from .words import normalised

EXAMPLES = {
    "integral": '{integral: "n_x*u_x + n_y*u_y", over: boundary}',
    "mean": '{mean: "u", over: domain}',
    "value": '{value: "u", at: [0, 0]}',
    "formula": '{formula: "first - second"}',
}
_ALLOWED = {
    "integral": ("over", "time", "tolerance"),
    "mean": ("over", "time", "tolerance"),
    "value": ("at", "time", "tolerance"),
    "formula": ("tolerance",),
}


def read_quantities(section: Node, vocabulary: Vocabulary) -> list[Quantity]:
    """Every quantity of the section, in order; formulas may use those above them."""
    found: list[Quantity] = []
    example = f"quantities: {{flux: {EXAMPLES['integral']}}}"
    for name, node in section.mapping("quantities", example=example).items():
        try:
            found.append(_read(normalised(name), node, section, vocabulary, found))
        except DeclarationError as error:
            raise error.at(node.place) from None
    return found


def _read(name: str, node: Node, section: Node, vocabulary: Vocabulary, earlier: list[Quantity]) -> Quantity:
    what = f"quantity {name!r}"
    known = (*EXAMPLES, "over", "at", "time", "tolerance")
    entries = node.mapping(what, known, example=EXAMPLES["integral"])
    kinds = [key for key in entries if key in EXAMPLES]
    if len(kinds) != 1:
        raise node.error(
            f"{what} is of {len(kinds)} kinds",
            expected=f"one of {', '.join(EXAMPLES)}",
            mend="name each by itself" if kinds else f"write {name}: {EXAMPLES['integral']}",
        )
    kind = kinds[0]
    for key in entries:
        if key != kind and key not in _ALLOWED[kind]:
            raise DeclarationError(
                f"{what}: {kind} takes no `{key}`",
                expected=EXAMPLES[kind],
                mend=f"remove `{key}`",
                place=node.keys[key],
            )
    place = _ALLOWED[kind][0]
    if place in ("over", "at") and place not in entries:
        choices = f"a boundary's name, boundary or {DOMAIN}" if place == "over" else "a point"
        raise node.error(f"{what} lacks {place!r}", expected=choices, mend=f"write {name}: {EXAMPLES[kind]}")
    if kind == "formula":
        names: dict[str, Any] = {q.name: q.symbol for q in earlier}
        names |= {key: s for key, s in vocabulary.names.items() if not isinstance(s, sp.MatrixBase)}
    else:
        # With normals everywhere, for whose misuse the problem has a better complaint than "unknown name".
        names = vocabulary.with_normals()
    return Quantity(
        name,
        vocabulary.scalar(entries[kind], what, names),
        over=entries["over"].text("over", EXAMPLES["integral"]) if "over" in entries else None,
        at=_point(entries["at"]) if "at" in entries else None,
        mean=kind == "mean",
        time=_time(entries["time"]) if "time" in entries else None,
        tolerance=read_number(entries["tolerance"], "tolerance") if "tolerance" in entries else None,
        place=section.keys.get(name, node.place),
    )


def _point(node: Node) -> tuple[float, ...]:
    return tuple(read_number(entry, "at") for entry in node.list("at", EXAMPLES["value"]))


def _time(node: Node) -> Any:
    return AVERAGE if node.value == AVERAGE else read_number(node, f"time (a number or {AVERAGE})")
