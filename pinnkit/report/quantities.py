"""The report's section on quantities of interest: what they are, and how solution and reference agree."""

from __future__ import annotations

from html import escape

from ..declare.problem import Problem
from ..declare.quantities import AVERAGE, DOMAIN, Quantity
from ..validation.compare import Comparison
from ..validation.quantities import QuantityError
from . import mathematics
from .tables import faint, number, table


def quantities_html(problem: Problem, comparison: Comparison) -> str:
    """Formulas and a table; empty where the problem asks for no quantities."""
    found = comparison.quantities
    if not found:
        return ""
    header = ("quantity", "solution", "reference", "its own error", "difference", "tolerance", "")
    rows = [
        (
            q.name, number(q.value, 8), number(q.reference, 8), number(q.reference_error),
            number(q.difference) + ("*" if q.absolute else ""), number(q.tolerance), q.status or q.missing,
        )
        for q in found
    ]  # fmt: skip
    notes = ["Differences are relative. Those of quantities without a tolerance decide nothing."]
    if any(q.absolute for q in found):
        notes.append("* The reference is zero within its own error: the difference is absolute.")
    if coarse := ", ".join(q.name for q in found if _coarse(q)):
        notes.append(f"The quadrature of the solution is no finer than the difference: {coarse}.")
    formulas = "".join(_statement(q, problem) for q in problem.quantities)
    return formulas + table(header, rows, (0, 6)) + "".join(map(faint, notes))


def _coarse(quantity: QuantityError) -> bool:
    """Whether the number of the solution is known less well than the two differ."""
    if quantity.difference is None or quantity.limited_by_reference:
        return False
    gap = quantity.difference * (1.0 if quantity.absolute else abs(quantity.reference or 0.0))
    return quantity.quadrature_error > gap / 2


def _statement(quantity: Quantity, problem: Problem) -> str:
    written = f"<mrow>{mathematics.expression(quantity.expression)}</mrow>"
    place = f"<mtext>{escape(str(quantity.over))}</mtext>" if quantity.over != DOMAIN else "<mi>Ω</mi>"
    if quantity.kind == "value":
        at = ", ".join(f"{c:g}" for c in quantity.at or ())
        written = f"<mrow>{written}<mtext>&#160;at ({at})</mtext></mrow>"
    elif quantity.kind == "integral":
        written = f"<mrow><msub><mo>∫</mo>{place}</msub>{written}</mrow>"
    elif quantity.kind == "mean":
        written = f"<mrow><msub><mtext>mean</mtext>{place}</msub>{written}</mrow>"
    if problem.time is not None and quantity.kind != "formula":
        when = problem.time.end if quantity.time is None else quantity.time
        words = "average over time" if when == AVERAGE else f"{problem.time.name} = {when:g}"
        written = f"<mrow>{written}<mtext>,&#160;{escape(words)}</mtext></mrow>"
    name = f'<span class="tag">{escape(quantity.name)}</span>'
    return f'<div class="equation">{name}{mathematics.math(written)}</div>'
