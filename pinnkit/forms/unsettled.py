"""Fluxes that an expanded equation leaves open, and conditions that would take one of them for the true one.

In the equation of u, c·v_xy is ∂x(α v_y) + ∂y((c − α) v_x) for any α: in elasticity with its derivatives
carried out, λ + μ may be shared as λ and μ, which gives tractions, or by halves, which does not. Terms
declared as a divergence are kept as written and leave nothing open.
"""

from __future__ import annotations

from .errors import FormUnavailable
from .jets import Jets, JetSymbol
from .pairing import paired_unknowns
from .peel import Peel


def refuse_unsettled(jets: Jets, equation: str, where: str) -> None:
    """Raise ``FormUnavailable`` if F·n of an equation on a boundary depends on how its terms are shared."""
    equations = jets.problem.equations
    residuals = [jets.to_jets(e.residual) for e in equations]
    row = next(i for i, e in enumerate(equations) if e.name == equation)
    own = paired_unknowns(residuals, jets)[row]
    peel = Peel(jets, jets.space)
    peel.declare(equations[row].residual)
    open_terms = [s for s in peel.ranked(peel.rest, 2) if s.jet.unknown != own and _mixed(s, jets)]
    if open_terms:
        raise FormUnavailable(
            f"F·n of equation {equation!r} on {where!r}",
            reason=f"{open_terms[0]} may stand in either entry of F, and its part in F·n depends on which",
            mend="declare the divergence with its flux as it is: div(stress), or Derivative(stress, x)",
        )


def _mixed(symbol: JetSymbol, jets: Jets) -> bool:
    return sum(symbol.jet.index[i] > 0 for i in jets.space) > 1
