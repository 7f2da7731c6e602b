"""The certified error: an interval that holds the energy norm of a solution's error, truth unknown.

‖e‖_a² = ∫ A∇e·∇e + c e² + ∮ β e². The lower end is the Riesz lift of the residual, the upper an equilibrated
flux (Prager & Synge 1947); ``pinnkit.reference.certified`` holds the mathematics.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Any, Literal

from ..reference.base import ReferenceUnavailable
from ..reference.certified import Candidate, Progress, bracket, error_equation

SECONDS = 20.0


@dataclass(frozen=True)
class Certificate:
    """Bounds of the energy norm of u − u_h, and the same relative to ``norm``, the energy norm of u_h.

    A ``certificate`` holds up to rounding and quadrature, whose effect is measured and put on top; an
    ``estimate`` rests besides on what ``notes`` say.
    """

    lower: float
    upper: float
    norm: float
    kind: Literal["certificate", "estimate"]
    notes: tuple[str, ...] = ()

    @property
    def relative_lower(self) -> float | None:
        """The lower bound relative to the energy norm of the solution, None for a solution that is zero."""
        return self.lower / self.norm if self.norm else None

    @property
    def relative_upper(self) -> float | None:
        """The upper bound relative to the energy norm of the solution, None for a solution that is zero."""
        return self.upper / self.norm if self.norm else None

    def to_dict(self) -> dict[str, Any]:
        """The certificate as ``metrics.json`` holds it."""
        relative = {"relative_lower": self.relative_lower, "relative_upper": self.relative_upper}
        return {**asdict(self), **relative, "notes": list(self.notes), "sentence": str(self)}

    def __str__(self) -> str:
        relative = ""
        if self.relative_lower is not None and self.relative_upper is not None:
            relative = f" (relative {_interval(self.relative_lower, self.relative_upper)})"
        certainty = "guaranteed" if self.kind == "certificate" else "an estimate"
        notes = f"; {'; '.join(self.notes)}" if self.notes else ""
        return f"energy error {_interval(self.lower, self.upper)}{relative}, {certainty}{notes}"


@dataclass(frozen=True)
class Uncertified:
    """Why there is no certificate."""

    reason: str

    def to_dict(self) -> dict[str, Any]:
        """The refusal as ``metrics.json`` holds it."""
        return {"kind": "none", "reason": self.reason}

    def __str__(self) -> str:
        return f"no certified energy error: {self.reason}"


def certify(solution: Candidate, seconds: float = SECONDS, progress: Progress | None = None) -> Certificate:
    """Bounds of the energy norm of a solution's error, in at most about ``seconds``.

    For steady, linear, symmetric and coercive problems in one unknown, A∇u·∇v + c u v with c ≥ 0 and
    Dirichlet, Neumann and Robin conditions, and solutions that take on their prescribed values exactly.
    Raises ``ReferenceUnavailable`` with the reason for others.
    """
    found = bracket(error_equation(solution.problem), solution, seconds, progress=progress)
    kind = "certificate" if found.guaranteed else "estimate"
    return Certificate(found.lower, found.upper, found.norm, kind, found.notes)


def certified(
    solution: Candidate, seconds: float = SECONDS, progress: Progress | None = None
) -> Certificate | Uncertified:
    """As ``certify``, with a refusal as a value."""
    try:
        return certify(solution, seconds, progress)
    except ReferenceUnavailable as refusal:
        return Uncertified(refusal.reason)


def _interval(low: float, high: float) -> str:
    """Both ends in three digits, rounded outwards so that the text holds too."""
    down, up = (
        Context(prec=3, rounding=way).create_decimal_from_float(end)
        for way, end in ((ROUND_FLOOR, float(low)), (ROUND_CEILING, float(high)))
    )
    return f"between {float(down):.2e} and {float(up):.2e}"
