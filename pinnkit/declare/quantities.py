"""Quantities of interest: integrals, means, values at points, and formulas of these."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import sympy as sp
from sympy.core.function import AppliedUndef

from ..geometry.shapes import BOUNDARY
from .canonical import canonical
from .conditions import scalar
from .errors import DeclarationError, Place, unknown_word
from .orders import carried_out
from .symbols import Parameter
from .words import check_word

if TYPE_CHECKING:
    from .problem import Problem

DOMAIN = "domain"
AVERAGE = "average"
HIGHEST_ORDER = 2


@dataclass(frozen=True)
class Quantity:
    """A number that a solution is asked for.

    - ``over`` a boundary's name, ``"boundary"`` or ``"domain"``: ∫ expression, or with ``mean`` that by the
      measure of what it is taken over;
    - ``at`` a point of the closed domain: the expression's value there;
    - with neither: a formula of other quantities, each standing there as its ``symbol``, and parameters.

    The expression may hold unknowns, their derivatives up to second order, coordinates, parameters, and on
    boundaries the outward normal n_x, n_y, …. Where there is time, it is taken at ``time``, by default the
    end; ``"average"`` takes the mean over the time interval. With a ``tolerance`` the relative difference
    from the reference decides with the rest whether a solution passes.
    """

    name: str
    expression: sp.Expr
    over: str | None = None
    at: tuple[float, ...] | None = None
    mean: bool = False
    time: float | Literal["average"] | None = None
    tolerance: float | None = None
    place: Place | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        put, what = object.__setattr__, f"quantity {self.name!r}"
        put(self, "expression", canonical(scalar(self.expression, what)))
        if self.at is not None:
            entries = self.at if isinstance(self.at, Sequence) and not isinstance(self.at, str) else [self.at]
            put(self, "at", tuple(_number(entry, f"{what}: at", self.place) for entry in entries))
        if self.time is not None and self.time != AVERAGE:
            put(self, "time", _number(self.time, f"{what}: time", self.place))
        if self.tolerance is not None:
            put(self, "tolerance", _number(self.tolerance, f"{what}: tolerance", self.place))

    @property
    def kind(self) -> Literal["integral", "mean", "value", "formula"]:
        """What is done with the expression."""
        if self.at is not None:
            return "value"
        if self.over is None:
            return "formula"
        return "mean" if self.mean else "integral"

    @property
    def symbol(self) -> sp.Symbol:
        """What stands for the quantity in formulas of others."""
        return sp.Symbol(self.name, real=True)

    @property
    def words(self) -> str:
        """What it is, in words: "integral over 'hole', average over time"."""
        place = f" over {self.over!r}" if self.over not in (None, DOMAIN) else f" over the {DOMAIN}"
        if self.at is not None:
            place = f" at ({', '.join(f'{c:g}' for c in self.at)})"
        moment = "" if self.time is None else f", time {self.time:g}" if self.time != AVERAGE else ""
        moment = ", average over time" if self.time == AVERAGE else moment
        return f"{self.kind}{place if self.kind != 'formula' else ''}{moment}"


def read_quantities(quantities: Sequence[Quantity]) -> tuple[Quantity, ...]:
    """The quantities, each checked to be one."""
    entries = [quantities] if isinstance(quantities, Quantity) else list(quantities)
    for entry in entries:
        if not isinstance(entry, Quantity):
            raise DeclarationError(
                f"{entry!r} is no quantity",
                expected="Quantity(name, expression, over=…) or (…, at=…)",
                mend='write Quantity("flux", expression, over="boundary")',
                section="quantities",
            )
    return tuple(entries)


def check_quantities(problem: Problem) -> None:
    """Raise ``DeclarationError`` at the first quantity that a solution could not be asked for."""
    taken: dict[str, Any] = {s.name: s for s in (*problem.variables, *problem.parameters)}
    taken |= {f.func.__name__: f for f in problem.unknowns}
    earlier: dict[str, Quantity] = {}
    for quantity in problem.quantities:
        try:
            if quantity.name in earlier:
                raise DeclarationError(
                    f"two quantities are called {quantity.name!r}",
                    expected="one name each",
                    mend="rename one of them",
                )
            check_word(quantity.name, taken, problem.coordinates)
            _check(problem, quantity, earlier)
        except DeclarationError as error:
            raise error.at(quantity.place) from None
        earlier[quantity.name] = quantity


def _check(problem: Problem, quantity: Quantity, earlier: dict[str, Quantity]) -> None:
    what = f"quantity {quantity.name!r}"
    if quantity.tolerance is not None and not quantity.tolerance > 0:
        raise DeclarationError(
            f"{what}: the tolerance is {quantity.tolerance:g}",
            expected="a relative difference above zero",
            mend="write tolerance=0.01",
        )
    if quantity.kind == "formula":
        _check_formula(quantity, what, earlier)
        return
    if quantity.at is not None:
        _check_point(problem, quantity, what)
    else:
        _check_region(problem, quantity, what)
    _check_time(problem, quantity, what)
    for derivative in carried_out(quantity.expression, what).atoms(sp.Derivative):
        order = sum(int(count) for _, count in derivative.variable_count)
        if order > HIGHEST_ORDER:
            raise DeclarationError(
                f"{what}: {derivative} is of order {order}",
                expected=f"derivatives up to order {HIGHEST_ORDER}",
                mend="introduce an unknown for a lower derivative, with its own equation",
            )


def _check_formula(quantity: Quantity, what: str, earlier: dict[str, Quantity]) -> None:
    for given in ("mean", "time"):
        if getattr(quantity, given):
            raise DeclarationError(
                f"{what} is a formula of others, but {given!r} is given",
                expected="a place: over a boundary or the domain, or at a point",
                mend='write over="domain", or at=(…)',
            )
    known = [q.symbol for q in earlier.values()]
    parts = sp.ordered(quantity.expression.atoms(sp.Symbol, AppliedUndef, sp.Derivative))
    for part in sorted(parts, key=lambda part: isinstance(part, sp.Symbol)):
        if part in known or isinstance(part, Parameter):
            continue
        if not isinstance(part, sp.Symbol):
            raise DeclarationError(
                f"{what}: {part} is taken nowhere",
                expected="a place for the expression, or a formula of earlier quantities",
                mend='write over="boundary" or a boundary\'s name, over="domain", or at=(…)',
            )
        otherwise = "declare it above, or give a place"
        raise _unknown(what, "earlier quantity", str(part), list(earlier), otherwise)


def _check_region(problem: Problem, quantity: Quantity, what: str) -> None:
    names = problem.domain.boundary_names
    if quantity.over == DOMAIN and DOMAIN in names:
        raise DeclarationError(
            f"{what}: {DOMAIN!r} is both the whole domain and one of its boundaries",
            expected="boundaries of other names",
            mend="rename that boundary",
        )
    if quantity.over not in (DOMAIN, BOUNDARY, *names):
        choices = [*names, BOUNDARY, DOMAIN]
        raise _unknown(what, "boundary", str(quantity.over), choices, "take one of them")


def _check_point(problem: Problem, quantity: Quantity, what: str) -> None:
    assert quantity.at is not None
    if quantity.over is not None or quantity.mean:
        raise DeclarationError(
            f"{what} is a value at a point, but {'over' if quantity.over is not None else 'mean'} is given",
            expected="a point, or a boundary or the domain",
            mend="remove one of them",
        )
    count = len(problem.coordinates)
    if len(quantity.at) != count:
        raise DeclarationError(
            f"{what}: the point has {len(quantity.at)} coordinate(s)",
            expected=f"{count}: {', '.join(map(str, problem.coordinates))}; time is given by `time`",
            mend="give one number for each",
        )
    tolerance = 1e-9 * problem.domain.diameter
    if not problem.domain.contains(np.array([quantity.at]), tolerance=tolerance)[0]:
        at = ", ".join(f"{c:g}" for c in quantity.at)
        raise DeclarationError(
            f"{what}: the point ({at}) lies outside the domain",
            expected="a point of the domain or of its boundary",
            mend="move it inside",
        )


def _check_time(problem: Problem, quantity: Quantity, what: str) -> None:
    clock = problem.time
    if quantity.time is None:
        return
    if clock is None:
        raise DeclarationError(
            f"{what}: a time is given, but the problem has none", expected="no time", mend="remove it"
        )
    if quantity.time != AVERAGE and not clock.start <= quantity.time <= clock.end:
        raise DeclarationError(
            f"{what}: time {quantity.time:g} lies outside [{clock.start:g}, {clock.end:g}]",
            expected=f"a time of the interval, or {AVERAGE}",
            mend="move it inside",
        )


def _unknown(what: str, kind: str, word: str, choices: list[str], otherwise: str) -> DeclarationError:
    error = unknown_word(kind, word, choices, otherwise=otherwise)
    return DeclarationError(f"{what}: {error.what}", expected=error.expected, mend=error.mend)


def _number(value: Any, what: str, place: Place | None) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise DeclarationError(
            f"{what} is {value!r}", expected="a finite number", mend="give a number", place=place
        )
    return number
