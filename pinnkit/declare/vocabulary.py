"""The names that a problem file declares: coordinates, time, unknowns, parameters and definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .documents import Node
from .errors import DeclarationError, Place, unknown_word
from .expressions import parse, parse_equation, parse_number
from .regions import by_region
from .symbols import Time, normal, parameter, unknown
from .words import check_word, normalised

_TOP = 1e100


class Vocabulary:
    """What every name in a problem file means; reads expressions in these names."""

    def __init__(self, entries: Mapping[str, Node]):
        self.names: dict[str, Any] = {}
        self.fields: list[AppliedUndef] = []
        self.coordinates: tuple[sp.Symbol, ...] = ()
        self.time: Time | None = None
        self._read_coordinates(entries["coordinates"])
        if "time" in entries:
            self._read_time(entries["time"])
        self._read_unknowns(entries["unknowns"])
        if "parameters" in entries:
            self._read_parameters(entries["parameters"])
        if "definitions" in entries:
            self._read_definitions(entries["definitions"])

    @property
    def variables(self) -> tuple[sp.Symbol, ...]:
        """Space coordinates, then time."""
        return (*self.coordinates, self.time) if self.time is not None else self.coordinates

    def with_normals(self) -> dict[str, Any]:
        """The names with n_x, n_y, … and the column n: what may be used on boundaries."""
        normals = [normal(x) for x in self.coordinates]
        return self.names | {s.name: s for s in normals} | {"n": sp.ImmutableMatrix(normals)}

    def field(self, node: Node, what: str, names: Mapping[str, Any] | None = None) -> Any:
        """An expression: text, a number, or a list of either for a vector."""
        value = node.value
        if isinstance(value, list):
            parts = [self.field(entry, what, names) for entry in value]
            if not parts or any(isinstance(part, sp.MatrixBase) for part in parts):
                raise node.error(f"{what}: no vector", expected="a list of scalars", mend="write [a, b]")
            return sp.ImmutableMatrix(parts)
        if isinstance(value, str):
            with _Telling(what, node.place):
                return parse(value, self.names if names is None else names, self.coordinates)
        number = read_number(node, what)
        return sp.Integer(number) if isinstance(number, int) else sp.Float(number)

    def scalar(self, node: Node, what: str, names: Mapping[str, Any] | None = None) -> sp.Expr:
        """An expression that is no vector."""
        value = self.field(node, what, names)
        if isinstance(value, sp.MatrixBase):
            raise node.error(f"{what} is a vector", expected="a scalar", mend="use dot, div or a component")
        return value

    def equation(self, node: Node, name: str) -> tuple[Any, Any]:
        """Both sides of an equation."""
        text = node.text(f"equation {name!r}", 'equations: ["-laplacian(u) = 1"]')
        with _Telling(f"equation {name!r}", node.place):
            # With normals, for whose misuse the problem has a better complaint than "unknown name".
            return parse_equation(text, self.with_normals(), self.coordinates)

    def unknown(self, word: str, place: Place) -> Any:
        """The unknown or vector of unknowns of that name."""
        found = self.names.get(normalised(word))
        parts = found.flat() if isinstance(found, sp.MatrixBase) else [found]
        if set(parts) <= set(self.fields):
            return found
        vectors = [name for name, value in self.names.items() if isinstance(value, sp.MatrixBase)]
        raise unknown_word("unknown", word, [*(f.func.__name__ for f in self.fields), *vectors], place=place)

    def _declare(self, word: str, value: Any, place: Place) -> None:
        check_word(word, self.names, self.coordinates, place)
        self.names[word] = value

    def _read_coordinates(self, section: Node) -> None:
        example = "coordinates: [x, y]"
        nodes = section.list("coordinates", example)
        if not nodes:
            raise section.error(
                "no coordinates", expected="at least one beside time", mend=f"write {example}"
            )
        symbols = [sp.Symbol(normalised(n.text("a coordinate", example)), real=True) for n in nodes]
        # All first, so that no coordinate takes the name of another's normal.
        self.coordinates = tuple(symbols)
        for symbol, node in zip(symbols, nodes, strict=True):
            self._declare(symbol.name, symbol, node.place)

    def _read_time(self, section: Node) -> None:
        example = "time: {t: [0, 1]}"
        entries = section.mapping("time", example=example)
        if len(entries) != 1:
            raise section.error(f"{len(entries)} times", expected="one", mend=f"write {example}")
        ((word, interval),) = entries.items()
        ends = _pair(interval, "the interval of time", example)
        with _Telling("", interval.place):
            self.time = Time(normalised(word), *ends)
        self._declare(self.time.name, self.time, section.keys[word])

    def _read_unknowns(self, section: Node) -> None:
        example = "unknowns: [u, v]"
        for node in section.list("unknowns", example):
            if not isinstance(node.value, dict):
                self._read_unknown(node.text("an unknown", example), node.place)
                continue
            for word, entry in node.value.items():
                if not isinstance(entry.value, list):
                    self._read_marked(word, entry, node.keys[word])
                    continue
                parts = [self._read_unknown(p.text("a component", example), p.place) for p in entry.value]
                if not parts:
                    raise entry.error(f"{word} has no components", expected="[u, v]", mend="name them")
                self._declare(normalised(word), sp.ImmutableMatrix(parts), node.keys[word])

    def _read_marked(self, word: str, entry: Node, place: Place) -> None:
        """An unknown with marks: ``{a: {infer: true, of: [x, y]}}``."""
        example = f"{word}: {{infer: true, of: [{self.coordinates[0]}]}}, or {word}: [u, v] for a vector"
        marks = entry.mapping(f"unknown {word}", ("infer", "of"), example=example)
        variables = []
        for node in marks["of"].list("of", example) if "of" in marks else []:
            name = normalised(node.text("a coordinate", example))
            if self.names.get(name) not in self.variables:
                raise unknown_word("coordinate", name, map(str, self.variables), place=node.place)
            variables.append(self.names[name])
        self._read_unknown(word, place, variables, _truth(marks, "infer"))

    def _read_unknown(
        self, word: str, place: Place, variables: list[sp.Symbol] | None = None, infer: bool = False
    ) -> AppliedUndef:
        field = unknown(normalised(word), *(variables or self.variables), infer=infer)
        self._declare(normalised(word), field, place)
        self.fields.append(field)
        return field

    def _read_parameters(self, section: Node) -> None:
        example = "parameters: {nu: 0.01, k: {value: 2, infer: true, bounds: [0, 10]}}"
        for word, node in section.mapping("parameters", example=example).items():
            bounds, infer, value = None, False, node
            if isinstance(node.value, dict):
                marks = node.mapping(f"parameter {word}", ("value", "infer", "bounds"), ("value",), example)
                value, infer = marks["value"], _truth(marks, "infer")
                bounds = _pair(marks["bounds"], "bounds", example) if "bounds" in marks else None
            number = read_number(value, f"parameter {word}")
            with _Telling("", node.place):
                symbol = parameter(normalised(word), number, infer, bounds)
            self._declare(symbol.name, symbol, section.keys[word])

    def _read_definitions(self, section: Node) -> None:
        entries = section.mapping("definitions", example='definitions: {f: "sin(pi*x)"}')
        for word, node in entries.items():
            try:
                by_regions = isinstance(node.value, dict)
                value = self._by_region(node, word) if by_regions else self.field(node, f"definition {word}")
            except DeclarationError as error:
                later = [w for w in entries if w not in self.names and f"name {w!r}" in error.what]
                mend = f"move {later[0]} above {word}; none may use itself" if later else error.mend
                raise DeclarationError(
                    error.what, expected=error.expected, mend=mend, place=error.place
                ) from None
            self._declare(normalised(word), value, section.keys[word])


    def _by_region(self, node: Node, word: str) -> sp.Expr:
        """A definition that differs from region to region: ``{by_region: {left: 1, right: 100}}``."""
        example = "by_region: {left: 1, right: 100}"
        what = f"definition {word}"
        entries = node.mapping(what, ("by_region",), ("by_region",), example)["by_region"]
        values = entries.mapping(f"{what}: by_region", example=example)
        with _Telling(what, entries.place):
            return by_region({name: self.scalar(e, f"{what} in {name}") for name, e in values.items()})


def read_number(node: Node, what: str) -> float | int:
    """A number, or text that stands for one, such as ``2*pi``."""
    value = node.value
    if isinstance(value, str):
        try:
            return parse_number(value)
        except DeclarationError as error:
            raise node.error(
                f"{what}: {error.what}", expected="a number", mend="write a number, such as 0.5 or 2*pi"
            ) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise node.error(f"{what} is {node.kind}", expected="a number", mend="write a number")
    if not abs(value) < _TOP:
        raise node.error(f"{what} is {value}", expected="a finite number", mend="write a finite number")
    return value


def _pair(node: Node, what: str, example: str) -> tuple[float, float]:
    ends = node.list(what, example)
    if len(ends) != 2:
        raise node.error(f"{what}: {len(ends)} number(s)", expected="two numbers", mend=f"write {example}")
    return read_number(ends[0], what), read_number(ends[1], what)


def _truth(marks: Mapping[str, Node], key: str) -> bool:
    if key not in marks:
        return False
    if not isinstance(marks[key].value, bool):
        raise marks[key].error(
            f"{key} is {marks[key].kind}", expected="true or false", mend=f"write {key}: true"
        )
    return marks[key].value


class _Telling:
    """Adds to a complaint what it is about, and its place."""

    def __init__(self, what: str, place: Place):
        self.what, self.place = what, place

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, DeclarationError):
            what = f"{self.what}: {error.what}" if self.what else error.what
            raise DeclarationError(
                what, expected=error.expected, mend=error.mend, place=error.place or self.place
            ) from None
