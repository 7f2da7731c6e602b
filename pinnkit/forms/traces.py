"""Traces: sums of pure second derivatives with constant weights, Σ wᵢ ∂²u/∂xᵢ², found in expressions of jets.

Where second derivatives of an unknown enter a set of expressions through one such sum only, as in Poisson's
equation, a network need not carry each of them: the sum obeys a rule of its own (the forward Laplacian; Li et
al., Nature Machine Intelligence 6 (2024)).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from .jets import Index, Jet, JetSymbol, jets_in, replaced


@dataclass(frozen=True)
class Trace:
    """The operator Σ wᵢ ∂ᵢ² over the variables, with at least one wᵢ ≠ 0."""

    weights: tuple[float, ...]

    @property
    def terms(self) -> tuple[tuple[float, Index, Index], ...]:
        """(wᵢ, multi-index of ∂ᵢ, multi-index of ∂ᵢ²) for every wᵢ ≠ 0."""
        size = len(self.weights)
        unit = [tuple(int(i == k) for k in range(size)) for i in range(size)]
        return tuple((w, unit[i], tuple(2 * k for k in unit[i])) for i, w in enumerate(self.weights) if w)


def gather_traces(
    expressions: Sequence[sp.Expr],
) -> tuple[list[sp.Expr], dict[sp.Symbol, tuple[str, Trace]]]:
    """Expressions with new symbols for traces in place of second derivatives; what the symbols stand for.

    An unknown is left as it is where its second derivatives enter singly, in sums with other ratios, with
    weights that are no numbers, or where it has derivatives of higher order, which need them anyway.
    """
    expressions = list(expressions)
    found: dict[sp.Symbol, tuple[str, Trace]] = {}
    for unknown in sorted({jet.unknown for jet in jets_in(*expressions)}):
        symbols = {s.jet: s for e in expressions for s in e.atoms(JetSymbol) if s.jet.unknown == unknown}
        # in the order of the variables: a set has another order in every process
        by_variable = sorted(symbols, key=lambda jet: jet.index, reverse=True)
        pure = {jet: symbols[jet] for jet in by_variable if jet.order == 2 and max(jet.index) == 2}
        if len(pure) < 2 or max(jet.order for jet in symbols) > 2:
            continue
        ratios = _ratios(expressions, pure)
        if ratios is None:
            continue
        first = next(iter(pure))
        name = sp.Dummy(f"trace_{unknown}", real=True)
        # Every expression is a function of Σ wᵢ u_ii, so u_11 = the sum over w₁ and u_ii = 0 stand for all.
        rules = dict.fromkeys(pure.values(), sp.S.Zero) | {pure[first]: name}
        expressions = [replaced(e, rules) for e in expressions]
        weights = [0.0] * len(first.index)
        for jet, ratio in ratios.items():
            weights[jet.index.index(2)] = ratio
        found[name] = (unknown, Trace(tuple(weights)))
    return expressions, found


def _ratios(expressions: Sequence[sp.Expr], pure: Mapping[Jet, JetSymbol]) -> dict[Jet, float] | None:
    """wᵢ with ∂e/∂u_ii = wᵢ ∂e/∂u_11 in every expression; None where there are no such numbers."""
    ratios: dict[Jet, sp.Expr] = {}
    first, *_ = pure
    for expression in expressions:
        slopes = {jet: sp.diff(expression, symbol) for jet, symbol in pure.items()}
        if all(slope == 0 for slope in slopes.values()):
            continue
        if slopes[first] == 0:
            return None
        for jet, slope in slopes.items():
            ratio = sp.cancel(slope / slopes[first]) if slope != slopes[first] else sp.S.One
            if not ratio.is_number or ratio == 0 or ratios.setdefault(jet, ratio) != ratio:
                return None
    return {jet: float(ratio) for jet, ratio in ratios.items()}
