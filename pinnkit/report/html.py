"""The report: one self-contained HTML file that says what was solved, how well, and how it came about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from ..declare.problem import Problem
from ..solution.atomic import write_text
from ..solution.record import Record, Solution
from ..validation.compare import Comparison, FieldError, Reference, Status
from . import mathematics
from .cells import cells_html
from .certificate import certificate_html
from .division import division_html
from .figures import domain_image, field_images, history_image, residual_image
from .quantities import quantities_html
from .style import CSS
from .tables import faint, flat, number, pairs, seconds, table

_HEADLINE: dict[Status, tuple[str, str]] = {
    "passed": ("good", "Solved within the tolerance"),
    "limited": ("warn", "Undecided: the reference is the limit"),
    "missed": ("warn", "Solved, tolerance missed"),
    "trivial": ("bad", "No better than the trivial solution"),
    "failed": ("bad", "Failed: the solution is not finite"),
}
_STAGES = {"wall": "wall time", "compile": "of which compiling", "reference": "reference"}


def write_report(
    path: str | Path,
    problem: Problem,
    solution: Solution,
    reference: Reference | None = None,
    comparison: Comparison | None = None,
    residual: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None,
    sections: Sequence[tuple[str, str]] = (),
) -> None:
    """Write the report of one run to ``path``, at once.

    ``residual`` maps points (n, d) to the residual (n,) of each equation; ``sections`` are further titles
    with plain text. The file loads nothing from elsewhere and runs no script; all text is escaped, so that
    a problem file from a stranger can be reported on. Raises ``StorageError`` where the write fails.
    """
    write_text(Path(path), report_html(problem, solution, reference, comparison, residual, sections))


def report_html(
    problem: Problem,
    solution: Solution,
    reference: Reference | None = None,
    comparison: Comparison | None = None,
    residual: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None,
    sections: Sequence[tuple[str, str]] = (),
) -> str:
    """The text of the report; arguments as for ``write_report``."""
    record = solution.record
    history = history_image(record.history, comparison.tolerance if comparison else None)
    parts = [
        f"<header><h1>{escape(problem.name)}</h1>{faint(_summary(problem, record))}</header>",
        _verdict(comparison, record),
        _section("Accuracy", _accuracy(problem, comparison)) if comparison else "",
        _section("Quantities of interest", quantities_html(problem, comparison)) if comparison else "",
        certificate_html(None),
        _section("Problem", _problem(problem, record)),
        _section("Fields", _fields(problem, solution, reference, comparison)),
        _section("Residual", residual_image(problem, residual).html()) if residual else "",
        _section("Training", history.html()) if history else "",
        _section("Subdomains", division_html(problem, solution.division)) if solution.division else "",
        _section("Cells", cells_html(problem, record)) if record.cells else "",
        *(_section(title, _paragraphs(text)) for title, text in sections),
        _section("Notes", _list([*record.notes, *_reference_notes(reference)])),
        _section("Run", _run(record, reference)),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(problem.name)} · pinnkit</title><style>{CSS}</style></head>\n"
        f"<body>\n{chr(10).join(part for part in parts if part)}\n</body></html>\n"
    )


def _section(title: str, content: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{content}</section>" if content else ""


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>" if items else ""


def _summary(problem: Problem, record: Record) -> str:
    unknowns = ", ".join(str(unknown) for unknown in problem.unknowns)
    took = f" in {seconds(record.timing['wall'])}" if "wall" in record.timing else ""
    return f"{unknowns} by {record.solver}{took}, seed {record.seed}, {record.status}"


def _verdict(comparison: Comparison | None, record: Record) -> str:
    if comparison is None:
        kind, headline = "", "Not validated"
        text = f"The solution was compared with no reference. The run: {record.status}."
    else:
        kind, headline = _HEADLINE[comparison.status]
        text = "\n\n".join(comparison.sentences)
    return f'<div class="verdict {kind}"><strong>{headline}</strong>{_paragraphs(text)}</div>'


def _accuracy(problem: Problem, comparison: Comparison) -> str:
    header = (
        "unknown", "relative L2", "relative max", "max error", "reference's own error", "trivial score", "",
    )
    rows = [
        (
            field.name + _marks(field), number(field.relative_l2), number(field.relative_max),
            number(field.max_error), number(field.reference_error),
            f"{number(field.trivial)} ({field.trivial_kind})", field.status,
        )
        for field in comparison.fields
    ]
    over = f"weighted by {_size(problem)}" + (" and run over all times" if problem.time else "")
    notes = [
        f"Against the {comparison.reference} reference, tolerance {number(comparison.tolerance)}. Norms are "
        f"{over}; the trivial score is what the better of zero and the boundary mean would get."
    ]
    if any(field.mean_removed for field in comparison.fields):
        notes.append("° Fixed up to a constant only: compared without its mean.")
    if zeros := [field for field in comparison.fields if field.marked]:
        notes.append(f"* The reference is zero: {zeros[0].measure}.")
    notes += comparison.notes
    return table(header, rows, (0, 6)) + "".join(map(faint, notes))


def _marks(field: FieldError) -> str:
    return ("°" if field.mean_removed else "") + ("*" if field.marked else "")


def _problem(problem: Problem, record: Record) -> str:
    several = len(problem.equations) > 1
    equations = "".join(
        _statement(item.name if several else "", mathematics.equation(item)) for item in problem.equations
    )
    conditions = "".join(
        _statement(_where(item), mathematics.condition(item, problem)) for item in problem.conditions
    )
    known = "".join(
        _statement(
            "inferred" if p.infer else "given", mathematics.value(p, record.parameters.get(p.name, p.value))
        )
        for p in problem.parameters
    )
    drawing = domain_image(problem)
    left = equations + (f"<h3>Conditions</h3>{conditions}" if conditions else "")
    left += f"<h3>Parameters</h3>{known}" if known else ""
    right = f"<h3>Domain</h3>{faint(_extent(problem))}{drawing.html() if drawing else ''}"
    return f'<div class="columns"><div>{left}</div><div>{right}</div></div>'


def _statement(tag: str, formula: str) -> str:
    label = f'<span class="tag">{escape(tag)}</span>' if tag else ""
    return f'<div class="equation">{label}{mathematics.math(formula)}</div>'


def _where(condition: Any) -> str:
    if (place := getattr(condition, "where", None)) is not None:
        return f"on {place}"
    return {"Initial": "at the start", "InitialRate": "at the start", "PointValue": "at a point"}.get(
        type(condition).__name__, ""
    )


def _extent(problem: Problem) -> str:
    low, high = problem.lower, problem.upper
    sides = ", ".join(
        f"{v.name} from {number(a)} to {number(b)}"
        for v, a, b in zip(problem.variables, low, high, strict=True)
    )
    return f"{sides}; {_size(problem)} {problem.domain.measure:.4g}"


def _size(problem: Problem) -> str:
    return {1: "length", 2: "area", 3: "volume"}.get(len(problem.coordinates), "measure")


def _fields(
    problem: Problem, solution: Solution, reference: Reference | None, comparison: Comparison | None
) -> str:
    judged = {field.name: field for field in comparison.fields} if comparison else {}
    parts = []
    for name in problem.unknown_names:
        truth = reference.evaluate if reference is not None and name in reference.names else None
        mean_removed = name in judged and judged[name].mean_removed
        images = field_images(
            problem, name, lambda points: solution.evaluate(points, extrapolate=True), truth, mean_removed
        )
        title = f"<h3>{escape(name)}</h3>" if len(problem.unknown_names) > 1 else ""
        parts.append(title + "".join(image.html() for image in images))
    return "".join(parts)


def _reference_notes(reference: Reference | None) -> list[str]:
    return [str(note) for note in getattr(reference, "notes", ())]


def _run(record: Record, reference: Reference | None) -> str:
    timing = {_STAGES.get(name, name): seconds(value) for name, value in record.timing.items()}
    if "reference" not in record.timing and (taken := getattr(reference, "seconds", None)) is not None:
        timing["reference"] = seconds(taken)
    facts = {"solver": record.solver, "seed": str(record.seed), "outcome": record.status}
    if record.parameter_count:
        facts["trainable numbers"] = str(record.parameter_count)
    facts |= timing
    settings = pairs(flat(record.options)) if record.options else faint("all defaults")
    return (
        f"{pairs(facts)}"
        f"<details><summary>Settings</summary>{settings}</details>"
        f"<details><summary>Versions</summary>{pairs(dict(record.versions))}</details>"
    )
