"""Which back-end simulates a problem, and why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..declare.problem import Problem
from ..forms import FormUnavailable, Jets, conservation_form, evolution_form
from ..forms.incompressible import incompressible_form
from ..forms.jets import JetSymbol
from .finite_difference import FiniteDifferences
from .finite_volume import FiniteVolumes
from .projection import Projection
from .sides import on_box
from .simulator import Simulator
from .spectral import Spectral

Backend = Literal["finite_difference", "finite_volume", "spectral", "projection"]
Make = Callable[[Problem, tuple[int, ...]], Simulator]


def choose(problem: Problem, asked: Backend | None = None, order: int = 6) -> tuple[Backend, Make, str]:
    """The back-end's name, what makes it for a number of cells by axis, and the reason in words.

    Raises ``FormUnavailable`` for domains other than boxes.
    """
    if not on_box(problem):
        raise FormUnavailable(
            f"a simulation of {problem.name!r}", reason="grids stand on intervals, rectangles and boxes",
            mend="take a solver for any shape, such as pinn",
        )  # fmt: skip
    makers: dict[Backend, Make] = {
        "finite_difference": lambda p, counts: FiniteDifferences(p, counts, order),
        "finite_volume": FiniteVolumes,
        "spectral": Spectral,
        "projection": Projection,
    }
    name, reason = (asked, "as asked for") if asked is not None else _automatic(problem)
    return name, makers[name], reason


def _automatic(problem: Problem) -> tuple[Backend, str]:
    try:
        form = evolution_form(problem)
    except FormUnavailable as fault:
        try:
            incompressible_form(problem)
        except FormUnavailable as other:
            raise FormUnavailable(
                fault.what, reason=f"{fault.reason}; nor is it an incompressible flow: {other.reason}",
                mend=fault.mend,
            ) from None  # fmt: skip
        return "projection", "an incompressible flow"
    everywhere = len(problem.periodic) == len(problem.coordinates)
    jets = Jets(problem)
    leading = [j for j in form.jets if sum(j.index[:-1]) == form.order and form.state_of(j) is not None]
    own = [jet for i, row in enumerate(form.linear) for jet, _ in row if form.state_of(jet) == i]
    held = any(rest.has(*(jets.symbol(j) for j in leading)) for rest in form.rest)
    if everywhere and form.order >= 2 and not held and all(j in own for j in leading):
        return "spectral", "periodic, and its highest derivatives are linear with constant coefficients"
    nonlinear = any(s.jet.order for r in form.rest for s in r.atoms(JetSymbol))
    if form.order == 1 and nonlinear:
        try:
            conservation_form(problem)
            return "finite_volume", "a nonlinear conservation law of first order, which may form shocks"
        except FormUnavailable as fault:
            return "finite_difference", f"first order, but no conservation law ({fault.reason})"
    waves = "waves or variable coefficients in the highest derivatives"
    return "finite_difference", waves if everywhere else "a box with walls"
