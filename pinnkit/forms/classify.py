"""What kind of problem it is: order, linearity, type by the principal symbol, symmetry, coercivity."""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..declare.problem import Problem
from .energy import energy
from .jets import Jets, JetSymbol, jets_in
from .symbol import problem_type

_LINEARITY = ("linear", "semilinear", "quasilinear", "nonlinear")
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", 6: "sixth"}


@dataclass(frozen=True)
class Classification:
    """The class of a problem.

    ``order`` is the highest total order, ``time_order`` that in time. ``linearity`` looks at the highest
    derivatives: their coefficients know only the variables (linear, where all terms are, else
    semilinear), lower derivatives too (quasilinear), or they enter nonlinearly. ``type`` is elliptic,
    parabolic, hyperbolic, mixed or undetermined. ``symmetric`` and ``coercive`` speak of the weak form in
    space, up to the sign of whole equations; None where it cannot be told.
    """

    order: int
    time_order: int
    linearity: str
    type: str
    detail: str
    symmetric: bool | None
    coercive: bool | None

    @property
    def linear(self) -> bool:
        """Whether the unknowns enter linearly throughout."""
        return self.linearity == "linear"

    @property
    def steady(self) -> bool:
        """Whether there is no time derivative."""
        return self.time_order == 0

    @property
    def sentence(self) -> str:
        """The class in words."""
        order = f"{_ORDINALS.get(self.order, f'{self.order}th')}-order".capitalize()
        words = [
            f"{order}, {'fully nonlinear' if self.linearity == 'nonlinear' else self.linearity}",
            f"type {self.type}{f' ({self.detail})' if self.detail else ''}",
            "steady" if self.steady else f"transient, of order {self.time_order} in time",
        ]
        told = (("symmetric", self.symmetric), ("coercive", self.coercive))
        weak = [name if holds else f"not {name}" for name, holds in told if holds is not None]
        link = " but " if self.coercive and self.symmetric is False else " and "
        return "; ".join(words) + (f"; its weak form in space is {link.join(weak)}." if weak else ".")


def classify(problem: Problem) -> Classification:
    """The class of a problem, decided symbolically where that is possible and on sampled states elsewhere.

    Parameters stand for their values. Types follow from the roots of the principal symbol (Evans,
    Partial Differential Equations, 2010, §§6.1, 7.1–7.3; for systems Douglis & Nirenberg, 1955).
    """
    jets = Jets(problem)
    residuals = [jets.to_jets(e.residual) for e in problem.equations]
    solved = {f.func.__name__ for f in problem.solved}
    found = [j for j in jets_in(*residuals) if j.unknown in solved]
    kind, detail = problem_type(residuals, jets)
    symmetric, coercive = energy(problem, linearity(residuals, solved) == "linear")
    return Classification(
        order=max(j.order for j in found),
        time_order=max(jets.time_order(j) for j in found),
        linearity=linearity(residuals, solved),
        type=kind,
        detail=detail,
        symmetric=symmetric,
        coercive=coercive,
    )


def linearity(residuals: list[sp.Expr], solved: set[str]) -> str:
    """The least linear of the equations: linear, semilinear, quasilinear or nonlinear."""
    return max((_linearity(r, solved) for r in residuals), key=_LINEARITY.index)


def _linearity(residual: sp.Expr, solved: set[str]) -> str:
    symbols = [s for s in residual.atoms(JetSymbol) if s.jet.unknown in solved]
    top = max((s.jet.order for s in symbols), default=0)
    slopes = {s: sp.expand(sp.diff(residual, s)) for s in symbols}

    def moving(expression: sp.Expr) -> list[int]:
        return [s.jet.order for s in expression.atoms(JetSymbol) if s.jet.unknown in solved]

    if not any(moving(slope) for slope in slopes.values()):
        return "linear"
    highest = [orders for s, slope in slopes.items() if s.jet.order == top for orders in moving(slope)]
    if not highest:
        return "semilinear"
    return "nonlinear" if top in highest else "quasilinear"
