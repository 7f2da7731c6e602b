"""Peeling: total derivatives split off an expression in jets, highest order first.

The coefficient a of the highest jet D_i K is integrated in K; A = ∫ a dK joins Fᵢ and D_i A leaves the
expression, which then holds lower jets only, and so on. A divergence that was declared is kept as written.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import sympy as sp
from sympy.core.function import AppliedUndef

from .jets import Jet, Jets, JetSymbol, variable_counts

Form = dict[sp.Expr, sp.Expr]  # Σ a_j du_j as u_j → a_j
_STEPS = 60  # at one order; a peel that ends takes a handful


def expanded(expression: sp.Expr) -> sp.Expr:
    """Products and powers of sums multiplied out; exponentials and logarithms left as they are."""
    return sp.expand(expression, power_exp=False, power_base=False, log=False)


def vanishes(expression: sp.Expr) -> bool:
    """Whether an expression is identically zero."""
    return expanded(expression) == 0 or sp.simplify(expression) == 0


class Peel:
    """An expression on its way to Σ Dᵢ Fᵢ + S over some directions (positions among the variables).

    ``flux`` holds F so far, ``rest`` what is still to be treated, ``stuck`` what cannot be in a flux and
    ``plain`` what was declared without derivatives. At any time the original is Σ Dᵢ Fᵢ + ``source``, the sum
    of the other three.
    """

    def __init__(self, jets: Jets, directions: Sequence[int]):
        self.jets, self.directions = jets, tuple(directions)
        self.solved = {f.func.__name__ for f in jets.problem.solved}
        self.flux: list[sp.Expr] = [sp.S.Zero] * len(self.directions)
        self.rest: sp.Expr = sp.S.Zero
        self.stuck: sp.Expr = sp.S.Zero
        self.plain: sp.Expr = sp.S.Zero

    @property
    def source(self) -> sp.Expr:
        """Everything that is in no flux."""
        return self.rest + self.stuck + self.plain

    def rank(self, jet: Jet) -> int:
        """How often a jet is differentiated along the directions; coefficient fields count as known."""
        return sum(jet.index[d] for d in self.directions) if jet.unknown in self.solved else 0

    def ranked(self, expression: sp.Expr, least: int) -> list[JetSymbol]:
        """The symbols of jets of at least some rank, highest first."""
        found = [s for s in expression.atoms(JetSymbol) if self.rank(s.jet) >= least]
        return sorted(found, key=lambda s: (self.rank(s.jet), s.jet), reverse=True)

    @property
    def top(self) -> int:
        """The highest rank in what is still to be treated."""
        return max((self.rank(s.jet) for s in self.rest.atoms(JetSymbol)), default=0)

    def declare(self, residual: sp.Expr) -> None:
        """Take in a residual as declared: c·∂ᵢ(G) of a composite G goes to Fᵢ as written, c a constant."""
        for term in _terms(residual):
            constant, derivative = _declared_divergence(term, self.jets)
            index = (0,) * len(self.jets.variables) if derivative is None else self._index(derivative)
            directions = self._shared(index)
            if derivative is None or not directions:
                self._take(self.jets.to_jets(term))
                continue
            inner = self.jets.to_jets(derivative.expr)
            for direction in directions:
                others = tuple(n - (i == direction) for i, n in enumerate(index))
                part = constant * self.jets.derivative(inner, others)
                self.flux[self.directions.index(direction)] += part / len(directions)
        self.rest = expanded(self.rest)

    def _take(self, term: sp.Expr) -> None:
        """Keep a term without derivatives as it is written."""
        if self.ranked(term, 1):
            self.rest += term
        else:
            self.plain += term

    def _index(self, derivative: sp.Derivative) -> tuple[int, ...]:
        counts = dict(variable_counts(derivative))
        return tuple(counts.get(variable, 0) for variable in self.jets.variables)

    def _shared(self, index: tuple[int, ...]) -> list[int]:
        """The directions among which a derivative is shared: those of space before time."""
        present = [d for d in self.directions if index[d]]
        return [d for d in present if d in self.jets.space] or present

    def peel(self, least: int) -> None:
        """Move jets of rank ``least`` (two or more) and higher into the flux; what will not go is stuck."""
        for order in range(self.top, least - 1, -1):
            before = list(self.flux), self.rest
            for _ in range(_STEPS):
                symbols = self.ranked(self.rest, order)
                if not symbols:
                    break
                if not self._step(symbols[0], order):
                    self._give_up(symbols[0], order)
            else:  # going in circles: no divergence
                self.flux, self.rest = list(before[0]), before[1]
                for symbol in self.ranked(self.rest, order):
                    self._give_up(symbol, order)

    def _give_up(self, symbol: JetSymbol, order: int) -> None:
        """Take out the terms in which a jet has others of its rank; where there are none, all with it."""
        terms = [t for t in sp.Add.make_args(self.rest) if t.has(symbol)]
        nonlinear = [t for t in terms if self.ranked(sp.diff(t, symbol), order)]
        out = sp.Add(*(nonlinear or terms))
        self.stuck += out
        self.rest = expanded(self.rest - out)

    def _step(self, symbol: JetSymbol, order: int) -> bool:
        """Peel one jet of the highest rank; False where its coefficient has jets of that rank itself."""
        slope = expanded(sp.diff(self.rest, symbol))
        if self.ranked(slope, order):
            return False
        shared = self._shared(symbol.jet.index)
        if lower := self.ranked(slope, order - 1):
            shared = self._falling(shared, symbol.jet, lower)
        for direction in shared:
            below = self.jets.symbol(symbol.jet.raised(direction, -1))
            potential = antiderivative(slope, below)
            if potential is None:
                return False
            self._move(direction, potential / len(shared))
        return True

    def _falling(self, shared: list[int], jet: Jet, lower: list[JetSymbol]) -> list[int]:
        """One direction, if possible such that differentiating the coefficient brings no higher jet back."""
        falling = [d for d in shared if all(s.jet.raised(d) <= jet for s in lower)]
        return (falling or shared)[:1]

    def _move(self, direction: int, potential: sp.Expr) -> None:
        self.flux[self.directions.index(direction)] += potential
        self.rest = expanded(self.rest - self.jets.total_derivative(potential, direction))

    def move_gradient(self, unknown: str) -> None:
        """Move Σ aᵢ D_i u of one unknown into the flux as aᵢ u."""
        zero = self.jets.zero(unknown)
        for direction in self.directions:
            slope = sp.diff(self.rest, self.jets.symbol(zero.raised(direction)))
            self._move(direction, slope * self.jets.symbol(zero))

    def first_order(self) -> dict[int, Form]:
        """Σ a_j(x, u) D_i u_j of what is left: direction → {u_j: a_j}; other first-order terms are stuck."""
        for symbol in self.ranked(self.rest, 1):
            if self.ranked(sp.diff(self.rest, symbol), 1):
                self._give_up(symbol, 1)
        fields = [self.jets.symbol(self.jets.zero(f.func.__name__)) for f in self.jets.problem.solved]
        no_terms: Form = dict.fromkeys(fields, sp.S.Zero)
        forms: dict[int, Form] = {}
        for symbol in self.ranked(self.rest, 1):
            direction = self._shared(symbol.jet.index)[0]
            form = forms.setdefault(direction, dict(no_terms))
            lower = self.jets.symbol(symbol.jet.raised(direction, -1))
            form[lower] = expanded(sp.diff(self.rest, symbol))
        return forms

    def close(self) -> None:
        """Move first-order terms into F in each direction where Σ a_j du_j is a total differential."""
        for direction, form in self.first_order().items():
            whole = potential(form)
            if whole is not None:
                self._move(direction, whole)
                continue
            for variable, slope in form.items():
                own = sp.Add(*(t for t in sp.Add.make_args(slope) if not t.has(*(set(form) - {variable}))))
                alone = antiderivative(own, variable)
                if alone is not None:
                    self._move(direction, alone)
        for symbol in self.ranked(self.rest, 1):
            self._give_up(symbol, 1)


def potential(form: Form) -> sp.Expr | None:
    """A with ∂A/∂u_j = a_j for all j, or None where Σ a_j du_j is not a total differential."""
    if any(not vanishes(c) for c in curls(form)):
        return None
    total: sp.Expr = sp.S.Zero
    for variable, slope in form.items():
        part = antiderivative(expanded(slope - sp.diff(total, variable)), variable)
        if part is None:
            return None
        total += part
    return total if all(vanishes(sp.diff(total, v) - a) for v, a in form.items()) else None


def curls(form: Form) -> list[sp.Expr]:
    """∂a_j/∂u_k − ∂a_k/∂u_j for all pairs: zero for a total differential."""
    return [expanded(sp.diff(a, v) - sp.diff(b, u)) for (u, a), (v, b) in combinations(form.items(), 2)]


def antiderivative(expression: sp.Expr, symbol: sp.Expr) -> sp.Expr | None:
    """∫ expression d(symbol) in closed form, or None."""
    total: sp.Expr = sp.S.Zero
    hard: sp.Expr = sp.S.Zero
    for term in sp.Add.make_args(expression):
        factor, power = term.as_independent(symbol, as_Add=False)
        base, exponent = power.as_base_exp()
        if power == 1:
            total += term * symbol
        elif base == symbol and exponent.is_Number and exponent != -1:
            total += factor * symbol ** (exponent + 1) / (exponent + 1)
        else:
            hard += term
    if hard != 0:
        found = sp.integrate(hard, symbol, meijerg=False, heurisch=False)  # the others may take minutes
        if found.has(sp.Integral) or (found.has(sp.Piecewise) and not hard.has(sp.Piecewise)):
            return None
        total += found
    return total


def _terms(expression: sp.Expr) -> list[sp.Expr]:
    """Summands, constants multiplied through sums that hold derivatives, derivatives left as written."""
    if isinstance(expression, sp.Add):
        return [t for a in expression.args for t in _terms(a)]
    sums = [f for f in sp.Mul.make_args(expression) if isinstance(f, sp.Add) and f.has(sp.Derivative)]
    if len(sums) == 1:
        others = expression.xreplace({sums[0]: sp.S.One})
        return [t for a in sums[0].args for t in _terms(others * a)]
    return [expression]


def _declared_divergence(term: sp.Expr, jets: Jets) -> tuple[sp.Expr, sp.Derivative | None]:
    """(c, ∂G) of a term c·∂G with a constant c and a composite G; otherwise (1, None)."""
    composite = [
        f for f in sp.Mul.make_args(term)
        if isinstance(f, sp.Derivative) and not isinstance(f.expr, AppliedUndef)
        and all(v in jets.variables for v, _ in variable_counts(f))
    ]  # fmt: skip
    if len(composite) == 1:
        constant = term / composite[0]
        if not constant.has(AppliedUndef) and not constant.free_symbols & set(jets.variables):
            return constant, composite[0]
    return sp.S.One, None
