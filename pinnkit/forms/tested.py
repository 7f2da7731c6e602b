"""Integrands of variational residuals: what multiplies a test function, its gradient and its Hessian.

    form 1    ∫ R v                                            + ∮ (g − F·n) v
    form 2    ∫ S v − F·∇v                                     + ∮ g v
    form 3    ∫ S v − N·∇v + M : ∇∇v − ∮_∂e n·Mᵀ∇v             + ∮ g v

with R = ∇·F + S the equation, F_i = Σ_j D_j M_ij + N_i, and g what the conditions make of F·n. The first
boundary integrals are over the boundary of each cell, the last over those parts of the domain's boundary
where v does not vanish. Form 3 takes all derivatives off the unknowns.
Source: Kharazmi, Zhang & Karniadakis, Comput. Methods Appl. Mech. Eng. 374 (2021), eqs. 12–14.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import sympy as sp

from ..declare.problem import Problem
from .errors import FormUnavailable
from .jets import Jets
from .peel import Peel, expanded
from .strong import strong_form
from .weak import WeakEquation, WeakForm, weak_form

Form = Literal[1, 2, 3]


@dataclass(frozen=True)
class TestedEquation:
    """The integrands of one equation, in jets.

    ``value`` multiplies v, ``gradient`` ∇v and ``hessian`` ∇∇v inside cells; ``across`` multiplies ∇v on the
    boundary of every cell, in the outward normal; ``natural`` multiplies v on named boundaries. ``second``
    says that the flux holds gradients, so that tests are measured by theirs.
    """

    __test__ = False  # no test case

    name: str
    value: sp.Expr
    gradient: tuple[sp.Expr, ...] = ()
    hessian: tuple[tuple[sp.Expr, ...], ...] = ()
    across: tuple[sp.Expr, ...] = ()
    natural: Mapping[str, sp.Expr] = field(default_factory=dict)
    second: bool = False


@dataclass(frozen=True)
class TestedForm:
    """All equations; ``weak`` is the weak form they came from, None where there is none (form 1 only).

    ``why`` is the reason why not.
    """

    __test__ = False

    equations: tuple[TestedEquation, ...]
    weak: WeakForm | None
    why: str = ""


def tested_form(problem: Problem, form: Form) -> TestedForm:
    """The integrands of every equation.

    Raises ``FormUnavailable`` for forms 2 and 3 where there is no weak form, and for form 3 where gradients
    stay in the flux whatever is integrated.
    """
    jets = Jets(problem)
    try:
        weak = weak_form(problem)
    except FormUnavailable as fault:
        if form == 1:
            strong = strong_form(problem)
            plain = tuple(TestedEquation(e.name, e.residual) for e in strong.equations)
            return TestedForm(plain, None, fault.reason)
        raise FormUnavailable(
            f"form {form}: {fault.what}", reason=fault.reason,
            mend="take form: 1, which tests the equation as it stands, or a method of the strong form, such "
            f"as pinn; else {fault.mend}",
        ) from None  # fmt: skip
    makers = {1: _first, 2: _second, 3: _third}
    natural = {
        e.name: {n.where: n.flux for n in weak.natural if n.equation == e.name}
        | {where: sp.S.Zero for name, where in weak.free if name == e.name}
        for e in weak.equations
    }
    return TestedForm(tuple(makers[form](e, natural[e.name], jets) for e in weak.equations), weak)


def _holds_gradients(equation: WeakEquation, jets: Jets) -> bool:
    peel = Peel(jets, jets.space)
    return any(peel.ranked(f, 1) for f in equation.flux)


def _outward(flux: Sequence[sp.Expr], jets: Jets) -> sp.Expr:
    return sp.Add(*(n * f for n, f in zip(jets.normals, flux, strict=True)))


def _first(equation: WeakEquation, natural: Mapping[str, sp.Expr], jets: Jets) -> TestedEquation:
    residual = jets.divergence(equation.flux) + equation.source
    outward = _outward(equation.flux, jets)
    left = {where: given - outward for where, given in natural.items()}
    return TestedEquation(equation.name, residual, natural=left, second=_holds_gradients(equation, jets))


def _second(equation: WeakEquation, natural: Mapping[str, sp.Expr], jets: Jets) -> TestedEquation:
    against = tuple(-f for f in equation.flux)
    return TestedEquation(
        equation.name, equation.source, against, natural=natural, second=_holds_gradients(equation, jets)
    )


def _third(equation: WeakEquation, natural: Mapping[str, sp.Expr], jets: Jets) -> TestedEquation:
    potentials, rest = [], []
    for flux in equation.flux:
        peel = Peel(jets, jets.space)
        peel.rest = expanded(flux)
        peel.close()
        if left := peel.ranked(peel.source, 1):
            raise FormUnavailable(
                f"form 3 of equation {equation.name!r}",
                reason=f"{left[0]} stays in the flux, which is no derivative of a function of the unknowns",
                mend="take form: 2",
            )
        potentials.append(tuple(peel.flux))
        rest.append(-peel.source)
    across = tuple(-_outward(row, jets) for row in potentials)
    return TestedEquation(
        equation.name, equation.source, tuple(rest), tuple(potentials), across, natural,
        _holds_gradients(equation, jets),
    )  # fmt: skip
