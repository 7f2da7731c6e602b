"""Who takes part in a comparison: solvers by name, and variants from the section ``compare``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..declare.errors import DeclarationError
from .settings import DEFAULT_SOLVER, Sections

_LABEL = re.compile(r"[\w.+-]+")


@dataclass(frozen=True)
class Contender:
    """A label, which names its folder, and a section ``solver``."""

    label: str
    solver: Mapping[str, Any]


def contenders(sections: Sections, solvers: Sequence[str]) -> list[Contender]:
    """The section ``compare``, if any, then the named solvers; the file's own solver where both are empty.

    Raises ``DeclarationError`` for entries that are no solver and labels that are no folder name or occur
    twice.
    """
    own = dict(sections.section("solver"))
    own_name = str(own.get("name", DEFAULT_SOLVER))
    listed = sections.values.get("compare") or []
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise DeclarationError(
            f"compare: {listed!r} is no list", expected="a list of solvers",
            place=sections.place(("compare",)),
            mend="write, for instance, compare: [pinn, {name: pinn, label: wide, network: {width: 60}}]",
        )  # fmt: skip
    entries = [
        *((entry, ("compare", k)) for k, entry in enumerate(listed)),
        *((s, ("solver",)) for s in solvers),
    ]
    found: list[Contender] = []
    for entry, path in entries or [(own_name, ("solver",))]:
        given = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(given, Mapping):
            raise DeclarationError(
                f"compare: {entry!r} is no solver", expected="a name or a mapping as in the section solver",
                place=sections.place(path),
            )  # fmt: skip
        given = dict(given)
        label = str(given.pop("label", given.get("name", own_name)))
        alone = set(given) <= {"name"} and given.get("name", own_name) == own_name
        solver = own if alone else {"name": own_name, **given}
        fault = "" if _LABEL.fullmatch(label) else "names no folder"
        fault = "is given twice" if label in [c.label for c in found] else fault
        if fault:
            raise DeclarationError(
                f"compare: the label {label!r} {fault}", place=sections.place(path),
                expected="a label of letters, digits, dots and dashes for each entry",
                mend="give the entry a label of its own: {name: pinn, label: wide, …}",
            )  # fmt: skip
        found.append(Contender(label, {k: v for k, v in solver.items() if k != "seed"}))
    return found
