"""The refusal of a form: what cannot be derived, why, and what to do instead."""

from __future__ import annotations


class FormUnavailable(ValueError):
    """A form that a declaration does not have; ``reason`` says why and ``mend`` what would do."""

    def __init__(self, what: str, *, reason: str = "", mend: str = ""):
        self.what, self.reason, self.mend = what, reason, mend
        lines = [what]
        if reason:
            lines.append(f"  reason: {reason}")
        if mend:
            lines.append(f"  mend: {mend}")
        super().__init__("\n".join(lines))
