"""Problem files as trees that remember where every entry stands.

A file is read event by event: anchors, aliases, tags, merge keys, several documents, repeated keys, great
depth and great size are refused before anything is built, so that no file can grow in memory. Scalars
follow the core schema of YAML 1.2.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

from .errors import DeclarationError, Place, unknown_word

MOST_BYTES = 1_000_000
MOST_EVENTS = 10_000
MOST_DEPTH = 30

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf, ".nan": math.nan,
}  # fmt: skip


@dataclass(frozen=True)
class Node:
    """A scalar, a list of nodes or a mapping of nodes, with its place; ``keys`` has those of the keys."""

    value: Any
    place: Place
    keys: dict[str, Place] = field(default_factory=dict)

    def error(self, what: str, *, expected: str = "", mend: str = "") -> DeclarationError:
        """A complaint about this entry."""
        return DeclarationError(what, expected=expected, mend=mend, place=self.place)

    def mapping(
        self, what: str, known: Iterable[str] | None = None, required: Iterable[str] = (), example: str = ""
    ) -> dict[str, Node]:
        """The entries of a mapping; keys are checked against the known and the required ones."""
        if not isinstance(self.value, dict):
            raise self.error(f"{what} is {self.kind}", expected="a mapping", mend=_write(example))
        if known is not None:
            choices = list(known)
            for key in self.value:
                if key not in choices:
                    raise unknown_word(
                        f"entry of {what}", key, choices, otherwise="remove it", place=self.keys[key]
                    )
        for key in required:
            if key not in self.value:
                raise self.error(
                    f"{what} lacks {key!r}",
                    expected=f"entries {', '.join(required)}",
                    mend=_write(example) or f"add {key}: …",
                )
        return self.value

    def list(self, what: str, example: str = "") -> list[Node]:
        """The entries of a list."""
        if not isinstance(self.value, list):
            raise self.error(f"{what} is {self.kind}", expected="a list", mend=_write(example))
        return self.value

    def text(self, what: str, example: str = "") -> str:
        """A word or a line of text."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error(f"{what} is {self.kind}", expected="text", mend=_write(example))
        return self.value.strip()

    @property
    def kind(self) -> str:
        """The value in words, for complaints."""
        if self.value is None:
            return "empty"
        if isinstance(self.value, dict | list):
            return "a mapping" if isinstance(self.value, dict) else "a list"
        return repr(self.value) if isinstance(self.value, str) else str(self.value).lower()

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, dict):
            return {key: entry.plain() for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.plain() for entry in self.value]
        return self.value


def read_document(text: str, name: str) -> Node:
    """The one document in ``text``; ``name`` stands for the file in complaints."""
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise DeclarationError(
            f"the file is larger than {MOST_BYTES // 1_000_000} MB",
            expected="a problem file, which takes a screen or two",
            mend="put data into files of their own",
            place=Place(name, 1),
        )
    reader = _DocumentReader(name, _events(text, name))
    return reader.document()


def _events(text: str, name: str) -> Iterator[Any]:
    from ruamel.yaml import YAML, YAMLError

    try:
        # Not a loader: a loader would resolve aliases and tags before they could be refused.
        yield from YAML(typ="safe", pure=True).parse(StringIO(text))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line + 1 if mark else text[: getattr(error, "position", 0) or 0].count("\n") + 1
        fault = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable"
        raise DeclarationError(
            f"this is no YAML: {fault}",
            expected="YAML 1.2",
            mend="check the indentation, brackets, and quotes around expressions with : or #",
            place=Place(name, line),
        ) from None


class _DocumentReader:
    """Builds nodes from events, one look ahead, counting and refusing on the way."""

    def __init__(self, name: str, events: Iterator[Any]):
        self.name, self.events, self.count = name, events, 0

    def document(self) -> Node:
        """The root of the only document."""
        root = None
        for event in self._checked():
            kind = type(event).__name__
            if kind == "DocumentStartEvent" and root is not None:
                raise DeclarationError(
                    "a second document begins here",
                    expected="one document in a file",
                    mend="remove the line --- and what follows it",
                    place=self._place(event),
                )
            if kind in ("MappingStartEvent", "SequenceStartEvent", "ScalarEvent"):
                root = self._node(event, 1)
        if root is None or root.value is None:
            raise DeclarationError(
                "the file is empty",
                expected="a problem",
                mend="write name, coordinates, unknowns, domain, equations and conditions",
                place=Place(self.name, 1),
            )
        return root

    def _checked(self) -> Iterator[Any]:
        for event in self.events:
            self.count += 1
            if self.count > MOST_EVENTS:
                raise DeclarationError(
                    f"the file has more than {MOST_EVENTS} entries",
                    expected="a problem file, which takes a screen or two",
                    mend="put data into files of their own",
                    place=self._place(event),
                )
            if getattr(event, "anchor", None):
                raise DeclarationError(
                    "anchors and aliases (& and *) are not allowed",
                    expected="plain values",
                    mend="write the value out, or name it under `definitions`",
                    place=self._place(event),
                )
            tag = getattr(event, "tag", None)
            if tag is not None:
                raise DeclarationError(
                    f"the tag {tag} is not allowed",
                    expected="plain values",
                    mend="remove the word that begins with !",
                    place=self._place(event),
                )
            yield event

    def _node(self, event: Any, depth: int) -> Node:
        place = self._place(event)
        if depth > MOST_DEPTH:
            raise DeclarationError(
                f"more than {MOST_DEPTH} levels of nesting",
                expected="a few levels",
                mend="lay the brackets open",
                place=place,
            )
        match type(event).__name__:
            case "ScalarEvent":
                return Node(event.value if event.style else self._scalar(event.value, place), place)
            case "SequenceStartEvent":
                return Node(list(self._sequence(depth)), place)
        return self._mapping(place, depth)

    def _sequence(self, depth: int) -> Iterator[Node]:
        for event in self._checked():
            if type(event).__name__ == "SequenceEndEvent":
                return
            yield self._node(event, depth + 1)

    def _mapping(self, place: Place, depth: int) -> Node:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        events = self._checked()
        for event in events:
            kind = type(event).__name__
            if kind == "MappingEndEvent":
                break
            at = self._place(event)
            if kind != "ScalarEvent" or event.value == "<<":
                raise DeclarationError(
                    "a key that is no word", expected="key: value", mend="write a word before :", place=at
                )
            if event.value in entries:
                raise DeclarationError(
                    f"the key {event.value!r} stands here twice, first on line {keys[event.value].line}",
                    expected="each key once",
                    mend="remove one, or merge the two",
                    place=at,
                )
            keys[event.value] = at
            entries[event.value] = self._node(next(events), depth + 1)
        return Node(entries, place, keys)

    def _scalar(self, text: str, place: Place) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        if len(text) <= 400 and _INTEGER.fullmatch(text):
            return int(text)
        if len(text) <= 400 and _FLOAT.fullmatch(text):
            return float(text)
        return text

    def _place(self, event: Any) -> Place:
        return Place(self.name, event.start_mark.line + 1, event.start_mark.column + 1)


def _write(example: str) -> str:
    return f"write {example}" if example else ""
