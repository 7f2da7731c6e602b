"""The fastest wave of a system of conservation laws, from its flux Jacobian."""

from __future__ import annotations

import numpy as np
import sympy as sp

from ..declare.problem import Problem
from ..forms import ConservationForm, Jets, emit
from ..forms.jets import replaced

_SAMPLES = 16
_LARGEST = 3  # states up to which eigenvalues are sought in closed form


def wave_speed(form: ConservationForm, axis: int, problem: Problem) -> tuple[sp.Expr, str]:
    """max |λ(∂F/∂u)| along an axis as an expression, and how it was found.

    Where eigenvalues have no real closed form, the smaller of the two matrix norms bounds them.
    """
    jets = Jets(problem)
    states = [jets.symbol(s) for s in form.states]
    jacobian = sp.Matrix([[sp.diff(row[axis], u) for u in states] for row in form.flux])
    jacobian = jacobian.applyfunc(lambda e: replaced(e, dict.fromkeys(_slopes(e, form, jets), sp.S.Zero)))
    if jacobian.rows <= _LARGEST:
        values = [sp.simplify(v) for v in jacobian.eigenvals()]
        if _real(values, jacobian, problem, states):
            return _largest([sp.Abs(v) for v in values]), "eigenvalues of the flux Jacobian"
    size = range(jacobian.rows)
    rows = [sp.Add(*(sp.Abs(jacobian[i, j]) for j in size)) for i in size]
    columns = [sp.Add(*(sp.Abs(jacobian[i, j]) for i in size)) for j in size]
    return sp.Min(_largest(rows), _largest(columns)), "a norm of the flux Jacobian, an upper bound"


def _slopes(expression: sp.Expr, form: ConservationForm, jets: Jets) -> list[sp.Expr]:
    return [s for s in map(jets.symbol, form.jets) if sum(s.jet.index) and expression.has(s)]


def _largest(values: list[sp.Expr]) -> sp.Expr:
    return values[0] if len(values) == 1 else sp.Max(*values)


def _real(values: list[sp.Expr], jacobian: sp.Matrix, problem: Problem, states: list[sp.Expr]) -> bool:
    """Whether closed forms have no imaginary parts on their way, and agree with numerical eigenvalues."""
    if any(v.has(sp.I, sp.CRootOf) or v.count_ops() > 200 for v in values):
        return False
    draw = np.random.default_rng(0)
    symbols = [*problem.variables, *problem.parameters, *states]
    samples = [draw.uniform(0.5, 2.0, _SAMPLES) for _ in symbols]
    for i, p in enumerate(problem.parameters):
        samples[len(problem.variables) + i][:] = p.value
    found = np.array(emit(values, symbols, np)(*samples))
    entries = np.array(emit(list(jacobian), symbols, np)(*samples)).T.reshape(_SAMPLES, *jacobian.shape)
    truth = np.abs(np.linalg.eigvals(entries)).max(axis=1)
    return bool(np.allclose(np.abs(found).max(axis=0), truth, rtol=1e-8, atol=1e-10))
