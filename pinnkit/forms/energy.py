"""Symmetry and coercivity of the weak form in space, time derivatives left out.

The linearised form is a(u, v) = Σ ∫ (A ∇u + b u)·∇v + (c·∇u + r u) v, with A = −∂F/∂∇u, b = −∂F/∂u,
c = ∂S/∂∇u, r = ∂S/∂u, plus boundary terms β u v. For real coefficients
a(u, u) = ∫ A ∇u·∇u + (r − ½ div(b + c)) u² + ∮ (β + ½ (b + c)·n) u².
"""

from __future__ import annotations

from itertools import product

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from .boundary import periodic_boundaries
from .errors import FormUnavailable
from .jets import Jet, Jets
from .peel import vanishes
from .states import values_at_states
from .weak import WeakForm, weak_form

_STATES = 256
_MANY = 6  # equations beyond which sign patterns are not tried
_ZERO = 1e-12


def energy(problem: Problem, linear: bool) -> tuple[bool | None, bool | None]:
    """(symmetric, coercive), each None where it cannot be told.

    Both hold up to the sign of whole equations. Coercivity is judged for linear problems without
    coefficient fields, on sampled coefficients.
    """
    try:
        form = weak_form(problem)
        blocks = _Blocks(form, Jets(problem))
        symmetric = _symmetric(blocks)
        known = linear and not problem.inferred
        return symmetric, _coercive(form, blocks) if known else None
    except FormUnavailable:
        return None, None


class _Blocks:
    """The coefficients A, b, c, r of the linearised form by (equation, unknown), and β by boundary."""

    def __init__(self, form: WeakForm, jets: Jets):
        self.jets, self.size, self.dimension = jets, len(form.equations), len(jets.space)
        self.tests = [e.test for e in form.equations]
        zeros = [jets.zero(t) for t in self.tests]
        values = [jets.symbol(z) for z in zeros]
        slopes = [[jets.symbol(z.raised(i)) for i in jets.space] for z in zeros]
        pairs = list(product(range(self.size), repeat=2))
        flux, source = [e.flux for e in form.equations], [e.source for e in form.equations]
        self.A = {(k, j): [[-sp.diff(f, p) for p in slopes[j]] for f in flux[k]] for k, j in pairs}
        self.b = {(k, j): [-sp.diff(f, values[j]) for f in flux[k]] for k, j in pairs}
        self.c = {(k, j): [sp.diff(source[k], p) for p in slopes[j]] for k, j in pairs}
        self.r = {(k, j): sp.diff(source[k], values[j]) for k, j in pairs}
        self.rate = [_rate(s, z, jets) for s, z in zip(source, zeros, strict=True)]
        names = [e.name for e in form.equations]
        self.beta = {
            (n.where, names.index(n.equation), j): sp.diff(n.flux, values[j])
            for n in form.natural for j in range(self.size)
        }  # fmt: skip
        self.clean_boundary = not any(
            n.flux.has(p) for n in form.natural for row in slopes for p in row
        )  # F·n without gradients


def _rate(source: sp.Expr, zero: Jet, jets: Jets) -> sp.Expr:
    """The coefficient of the highest time derivative of an equation's own unknown."""
    if jets.problem.time is None:
        return sp.S.Zero
    last = len(jets.variables) - 1
    slopes = [sp.diff(source, jets.symbol(zero.raised(last, n))) for n in (2, 1)]
    return next((s for s in slopes if s != 0), sp.S.Zero)


def _symmetric(blocks: _Blocks) -> bool | None:
    """Whether a(u, v) = a(v, u) for some choice of the equations' signs."""
    size, d = blocks.size, range(blocks.dimension)
    if size > _MANY:
        return None
    if not blocks.clean_boundary:
        return False
    for rest in product((1, -1), repeat=size - 1):
        sign = (1, *rest)
        differences = [
            term
            for k in range(size) for j in range(size)
            for term in (
                *(sign[k] * blocks.A[k, j][i][m] - sign[j] * blocks.A[j, k][m][i] for i in d for m in d),
                *(sign[k] * blocks.b[k, j][i] - sign[j] * blocks.c[j, k][i] for i in d),
                sign[k] * blocks.r[k, j] - sign[j] * blocks.r[j, k],
                *(sign[k] * b - sign[j] * blocks.beta.get((w, j, k), b)
                  for (w, a, i), b in blocks.beta.items() if (a, i) == (k, j)),
            )
        ]  # fmt: skip
        if all(vanishes(t) for t in differences):
            return True
    return False


def _coercive(form: WeakForm, blocks: _Blocks) -> bool | None:
    """Whether a(u, u) ≥ α‖u‖² with α > 0, for some choice of the equations' signs."""
    size = blocks.size
    if any(all(a == 0 for row in blocks.A[k, k] for a in row) for k in range(size)):
        return False if any(a != 0 for block in blocks.A.values() for row in block for a in row) else None
    if not blocks.clean_boundary or form.points:
        return None
    coupled = [
        entry for (k, j) in blocks.b if k != j
        for entry in (*blocks.b[k, j], *blocks.c[k, j]) if entry != 0
    ]  # fmt: skip
    if coupled:
        return None
    stiffness, sign = _stiffness(blocks)
    least = float(np.linalg.eigvalsh(stiffness).min())
    if not least > _ZERO:
        return False if size == 1 and least < -_ZERO else None
    reaction = float(np.linalg.eigvalsh(_reaction(blocks, sign)).min())
    held, weakest = _boundary(form, blocks, sign)
    if weakest < -_ZERO:
        return None
    if reaction > _ZERO:
        return True
    if reaction >= -_ZERO:
        return held
    if held and not form.natural and not form.free and not form.periodic:
        return _against_poincare(blocks, stiffness, sign, least, reaction)
    return None


def _stiffness(blocks: _Blocks) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric parts (states, n·d, n·d) of A, and the equations' signs.

    Signs make the own time derivative positive, or where there is none, the own block of A.
    """
    size, d = blocks.size, blocks.dimension
    unknowns, axes = range(size), range(d)
    entries = [blocks.A[k, j][i][m] for k in unknowns for i in axes for j in unknowns for m in axes]
    values = np.moveaxis(values_at_states(entries, blocks.jets, _STATES), -1, 0).reshape(-1, size, d, size, d)
    rates = values_at_states(blocks.rate, blocks.jets, 1)[:, 0]
    sign = np.array([np.sign(rates[k] or np.trace(values[0, k, :, k, :])) or 1.0 for k in unknowns])
    matrix = (values * sign[None, :, None, None, None]).reshape(-1, size * d, size * d)
    return (matrix + np.swapaxes(matrix, 1, 2)) / 2, sign


def _reaction(blocks: _Blocks, sign: np.ndarray) -> np.ndarray:
    """Symmetric parts (states, n, n) of r − ½ div(b + c)."""
    size, jets = blocks.size, blocks.jets
    entries = []
    for k in range(size):
        for j in range(size):
            drift = tuple(b + c for b, c in zip(blocks.b[k, j], blocks.c[k, j], strict=True))
            entries.append(blocks.r[k, j] - jets.divergence(drift) / 2)
    values = np.moveaxis(values_at_states(entries, jets, _STATES), -1, 0).reshape(-1, size, size)
    matrix = values * sign[None, :, None]
    return (matrix + np.swapaxes(matrix, 1, 2)) / 2


def _boundary(form: WeakForm, blocks: _Blocks, sign: np.ndarray) -> tuple[bool, float]:
    """Whether every unknown is held somewhere, and the least of β + ½ (b + c)·n where none is prescribed."""
    jets = blocks.jets
    wrapped = periodic_boundaries(jets.problem)
    prescribed = {(e.unknown, e.where) for e in form.essential}
    held = {unknown for unknown, _ in prescribed}
    weakest = 0.0
    for where in jets.problem.domain.boundary_names:
        for k, test in enumerate(blocks.tests):
            if where in wrapped or (test, where) in prescribed:
                continue
            drift = [b + c for b, c in zip(blocks.b[k, k], blocks.c[k, k], strict=True)]
            outward = sp.Add(*(n * w for n, w in zip(jets.normals, drift, strict=True)))
            # The boundary term of R is +∮ F·n v, so β is its derivative as it stands.
            quantity = blocks.beta.get((where, k, k), sp.S.Zero) + outward / 2
            if quantity == 0:
                continue
            values = sign[k] * values_at_states([quantity], jets, 64, where)
            weakest = min(weakest, float(values.min()))
            if values.min() > _ZERO:
                held.add(test)
    return held == set(blocks.tests), weakest


def _against_poincare(
    blocks: _Blocks, stiffness: np.ndarray, sign: np.ndarray, least: float, reaction: float
) -> bool | None:
    """A negative reaction against the first eigenvalue of −Δ, which the bounding box bounds from below."""
    domain = blocks.jets.problem.domain
    lower, upper = domain.bounds
    first = np.pi**2 / (upper - lower) ** 2
    if least * first.sum() + reaction > 0:
        return True
    is_box = np.isclose(domain.measure, np.prod(upper - lower), rtol=1e-9)
    highest = float(np.linalg.eigvalsh(_reaction(blocks, sign)).max())
    if is_box and blocks.size == 1:
        # On Π sin(π(xᵢ − lᵢ)/Lᵢ) the form is at most this.
        most = float((np.diagonal(stiffness, axis1=1, axis2=2).max(axis=0) * first).sum()) + highest
        return False if most < 0 else None
    return None
