"""What a shape's complaint consists of: what is wrong, what was expected, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GeometryError(ValueError):
    """A shape that cannot be, or a question that a shape cannot answer.

    ``what`` names the thing and the fault; ``expected`` and ``mend`` say what would do. The reader of
    problem files adds the place.
    """

    def __init__(self, what: str, *, expected: str = "", mend: str = ""):
        self.what, self.expected, self.mend = what, expected, mend
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.what]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.mend:
            lines.append(f"  mend: {self.mend}")
        return "\n".join(lines)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint at the nearest known word, or ``otherwise`` where none is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise
