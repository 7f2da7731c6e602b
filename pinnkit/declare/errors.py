"""What a declaration's complaint consists of: what, where, what was expected, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A place in a problem file: path, line and column, both counted from one."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class DeclarationError(ValueError):
    """A declaration that does not hold together.

    ``what`` names the thing and the fault; ``expected`` and ``mend`` say what would do; ``place`` is
    where it stands, for problem files. ``section`` is the part of the declaration ("conditions",
    "domain", …) that a complaint about something missing belongs to.
    """

    def __init__(
        self, what: str, *, expected: str = "", mend: str = "", place: Place | None = None, section: str = ""
    ):
        self.what, self.expected, self.mend, self.place, self.section = what, expected, mend, place, section
        super().__init__(str(self))

    def at(self, place: Place | None) -> DeclarationError:
        """The same complaint with its place in the problem file; an earlier place is kept."""
        return type(self)(
            self.what, expected=self.expected, mend=self.mend, place=self.place or place, section=self.section
        )

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.what}" if self.place else self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.mend:
            lines.append(f"  mend: {self.mend}")
        return "\n".join(lines)


def unknown_word(
    kind: str,
    word: str,
    known: Iterable[str],
    *,
    otherwise: str = "use one of them",
    place: Place | None = None,
    section: str = "",
) -> DeclarationError:
    """The complaint about a word that is none of the ``known`` ones, with the nearest of them."""
    choices = list(known)
    # A slip of the shift key is the commonest, and of one-letter names the only one to be guessed.
    near = [choice for choice in choices if choice.lower() == word.lower()]
    near = near or difflib.get_close_matches(word, choices, n=1)
    return DeclarationError(
        f"there is no unknown {word!r}" if kind == "unknown" else f"unknown {kind} {word!r}",
        expected=f"one of {', '.join(choices)}" if choices else "",
        mend=f"did you mean {near[0]!r}?" if near else otherwise,
        place=place,
        section=section,
    )
