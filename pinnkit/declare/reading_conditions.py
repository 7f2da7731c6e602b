"""The section ``conditions`` of a problem file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from .conditions import (
    AnyCondition,
    Condition,
    Dirichlet,
    Flux,
    Initial,
    InitialRate,
    Neumann,
    Periodic,
    PointValue,
    Robin,
)
from .documents import Node
from .errors import DeclarationError, Place, unknown_word
from .vocabulary import Vocabulary, read_number
from .words import normalised

EXAMPLES = {
    "dirichlet": "{dirichlet: {u: 0}, where: boundary}",
    "neumann": "{neumann: {u: 0}, where: boundary}",
    "flux": "{flux: {equation: 0}, where: boundary}",
    "robin": "{robin: {u: [1, 1, 0]}, where: boundary}",
    "expression": '{expression: "n_x*u_x + u", where: boundary}',
    "periodic": "{periodic: x}",
    "initial": '{initial: {u: "sin(pi*x)", u_t: 0}}',
    "point": "{point: {u: 0, at: [0, 0]}}",
}
_ON_BOUNDARIES = ("dirichlet", "neumann", "flux", "robin", "expression")


def read_conditions(section: Node, vocabulary: Vocabulary) -> list[AnyCondition]:
    """Every condition of the section, in order; those on several unknowns one by one."""
    found = []
    for node in section.list("conditions", f"conditions: [{EXAMPLES['dirichlet']}]"):
        found += _Item(node, vocabulary).read()
    return found


class _Item:
    """One entry of the list: a kind, and where it holds."""

    def __init__(self, node: Node, vocabulary: Vocabulary):
        entries = node.mapping("a condition", (*EXAMPLES, "where"), example=EXAMPLES["dirichlet"])
        kinds = [key for key in entries if key != "where"]
        if len(kinds) != 1:
            raise node.error(
                f"a condition of {len(kinds)} kinds",
                expected=f"one of {', '.join(EXAMPLES)}",
                mend="write each as an item of its own" if kinds else f"write {EXAMPLES['dirichlet']}",
            )
        self.node, self.kind, self.vocabulary = node, kinds[0], vocabulary
        self.example = EXAMPLES[self.kind]
        self.content = entries[self.kind]
        self.place: Place = node.keys[self.kind]
        self.where = "boundary"
        if "where" in entries:
            if self.kind not in _ON_BOUNDARIES:
                raise DeclarationError(
                    f"{self.kind} takes no `where`",
                    expected=self.example,
                    mend="remove `where`",
                    place=node.keys["where"],
                )
            self.where = entries["where"].text("where", self.example)

    def read(self) -> Sequence[AnyCondition]:
        """The conditions that the entry stands for."""
        try:
            return getattr(self, f"_{self.kind}")()
        except DeclarationError as error:
            raise error.at(self.content.place) from None

    def _values(self) -> list[tuple[str, Node, Place]]:
        entries = self.content.mapping(self.kind, example=self.example)
        if not entries:
            raise self.content.error(f"{self.kind} is empty", expected=self.example, mend="name an unknown")
        return [(key, value, self.content.keys[key]) for key, value in entries.items()]

    def _field(self, node: Node, what: str) -> Any:
        return self.vocabulary.field(node, what, self.vocabulary.with_normals())

    def _of_unknowns(self, build: Callable[..., AnyCondition]) -> list[AnyCondition]:
        return [
            build(
                self.vocabulary.unknown(word, at), self._field(value, f"{self.kind} {word}"), self.where, at
            )
            for word, value, at in self._values()
        ]

    def _dirichlet(self) -> list[AnyCondition]:
        return self._of_unknowns(Dirichlet)

    def _neumann(self) -> list[AnyCondition]:
        return self._of_unknowns(Neumann)

    def _flux(self) -> list[AnyCondition]:
        names = self.vocabulary.with_normals()
        return [
            Flux(name, self.vocabulary.scalar(value, f"flux {name}", names), self.where, at)
            for name, value, at in self._values()
        ]

    def _robin(self) -> list[AnyCondition]:
        found: list[AnyCondition] = []
        for word, value, at in self._values():
            entries = value.list(f"robin {word}", self.example)
            if len(entries) != 3:
                raise value.error(
                    f"robin {word}: {len(entries)} value(s)",
                    expected="[a, b, g] for a·u + b·∂u/∂n = g",
                    mend=f"write {self.example}",
                )
            a, b, g = (self._field(entry, f"robin {word}") for entry in entries)
            found.append(Robin(self.vocabulary.unknown(word, at), a, b, g, self.where, at))
        return found

    def _expression(self) -> list[AnyCondition]:
        names = self.vocabulary.with_normals()
        expression = self.vocabulary.field(self.content, "expression", names)
        parts = expression.flat() if isinstance(expression, sp.MatrixBase) else [expression]
        return [Condition(part, self.where, self.place) for part in parts]

    def _periodic(self) -> list[AnyCondition]:
        word = normalised(self.content.text("periodic", self.example))
        known = {str(x): x for x in self.vocabulary.variables}
        if word not in known:
            raise unknown_word("coordinate", word, known, place=self.content.place)
        return [Periodic(known[word], self.place)]

    def _initial(self) -> list[AnyCondition]:
        found: list[AnyCondition] = []
        time = self.vocabulary.time
        for word, value, at in self._values():
            data = self.vocabulary.field(value, f"initial {word}")
            rate = word.removesuffix(f"_{time}") if time is not None else word
            if rate != word and word not in self.vocabulary.names:
                found.append(InitialRate(self.vocabulary.unknown(rate, at), data, at))
            else:
                found.append(Initial(self.vocabulary.unknown(word, at), data, at))
        return found

    def _point(self) -> Sequence[AnyCondition]:
        entries = self.content.mapping("point", required=("at",), example=self.example)
        at = tuple(read_number(n, "at") for n in entries["at"].list("at", self.example))
        words = [word for word in entries if word != "at"]
        if not words:
            raise self.content.error("point names no unknown", expected=self.example, mend="add u: value")
        return [
            PointValue(
                self.vocabulary.unknown(word, self.content.keys[word]),
                self.vocabulary.field(entries[word], f"point {word}"),
                at,
                self.content.keys[word],
            )
            for word in words
        ]
