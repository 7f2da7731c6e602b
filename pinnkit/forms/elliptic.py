"""Steady weak forms that continuous elements solve without stabilisation, and the multipliers among them."""

from __future__ import annotations

from ..declare.problem import Problem
from .errors import FormUnavailable
from .jets import Jets, jets_in
from .weak import WeakForm, weak_form


def elliptic_form(problem: Problem) -> WeakForm:
    """The weak form of a steady problem that plain finite elements are stable for.

    Every equation has gradients in its flux, or no derivatives, or is the constraint of a multiplier. Raises
    ``FormUnavailable`` for others, for periodic conditions, time, and more than three coordinates.
    """
    what, reason, mend = f"finite elements of {problem.name!r}", "", "solve by pinn"
    if problem.time is not None:
        reason, mend = "they serve steady problems", "leave the back-end to be chosen, or drop the time"
    elif problem.periodic:
        reason = "meshes are not joined across periodic ends"
    elif len(problem.coordinates) > 3:
        reason = "meshes have at most three dimensions"
    if reason:
        raise FormUnavailable(what, reason=reason, mend=mend)
    form = weak_form(problem)
    names = [f.func.__name__ for f in problem.solved]
    pressing = multipliers(problem, form)
    for e in form.equations:
        diffuses = any(j.order for f in e.flux for j in jets_in(f) if j.unknown in names)
        still = not any(j.order for j in e.jets if j.unknown in names) and not any(e.flux)
        if not diffuses and not still and e.test not in pressing:
            raise FormUnavailable(
                what, reason=f"equation {e.name!r} has first derivatives and no diffusion: elements without "
                "stabilisation oscillate", mend="solve by pinn, or march",
            )  # fmt: skip
    return form


def multipliers(problem: Problem, form: WeakForm) -> set[str]:
    """Unknowns absent from the equation they test, without derivatives, that act through a flux elsewhere."""
    found = set()
    for own in form.equations:
        mine = {j for e in form.equations for j in e.jets if j.unknown == own.test}
        zero = Jets(problem).zero(own.test)
        presses = any(zero in jets_in(*e.flux) for e in form.equations)
        if presses and mine == {zero} and all(j.unknown != own.test for j in own.jets):
            found.add(own.test)
    return found
