"""Forms in print: readable text, and the same as LaTeX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sympy as sp

from ..declare import conditions as declared
from ..declare.problem import Problem
from .classify import classify
from .flux import flux_form
from .jets import replaced
from .scale import Scaling, scale
from .scale_settings import Setting
from .strong import condition_residual, strong_form
from .text import latex, latex_name, line
from .weak import WeakEquation, WeakForm, weak_form


@dataclass
class _Sheet:
    """Rows of text, label and statement, and lines of LaTeX."""

    title: str
    rows: list[tuple[str, str]] = field(default_factory=list)
    formulas: list[str] = field(default_factory=list)

    def put(self, label: str, left: str, value: sp.Expr, latex_left: str) -> None:
        """left = value, in both."""
        self.rows.append((label, f"{left} = {line(value)}"))
        self.formulas.append(f"{latex_left} &= {latex(value)}")

    def write(self, name: str, with_latex: bool) -> str:
        width = max((len(label) for label, _ in self.rows), default=0) + 2
        lines = [f"{name}: {self.title}", *(f"  {label:<{width}}{text}" for label, text in self.rows)]
        if with_latex and self.formulas:
            body = " \\\\\n".join(f"  {formula}" for formula in self.formulas)
            lines += ["", f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"]
        return "\n".join(lines)


def show(problem: Problem, form: str, latex: bool = True, scales: Setting = "auto") -> str:
    """A form of a problem as readable text, with its LaTeX below unless told otherwise.

    ``form`` is strong, flux, weak, class or scaled, the last by the given ``scales``. Raises
    ``FormUnavailable`` where there is none, ``ValueError`` for another form.
    """
    if form == "scaled":
        return _scaled(scale(problem, scales)).write(problem.name, latex)
    if form not in _WRITERS:
        raise ValueError(f"no form is called {form!r}; there are {', '.join(_WRITERS)}, scaled")
    return _WRITERS[form](problem).write(problem.name, latex)


def _strong(problem: Problem, written: Callable[[sp.Expr], sp.Expr] = lambda e: e) -> _Sheet:
    sheet = _Sheet("strong form, R = 0")
    form = strong_form(problem)
    for equation in form.equations:
        sheet.put(equation.name, "R", written(equation.residual), f"R_{{{latex_name(equation.name)}}}")
    for condition in problem.conditions:
        if isinstance(condition, declared.Periodic):
            sheet.rows.append(("periodic", f"along {condition.coordinate}"))
            continue
        residual = written(condition_residual(condition, problem).residual)
        where = _place(condition, problem)
        sheet.rows.append((where, f"{line(residual)} = 0"))
        sheet.formulas.append(f"0 &= {latex(residual)} \\quad \\text{{{where.replace('_', chr(92) + '_')}}}")
    return sheet


def _scaled(scaling: Scaling) -> _Sheet:
    """The strong form in units of order one, numbers in place of known parameters, after those units."""
    problem = scaling.problem
    if scaling.identity:
        sheet = _strong(problem)
        sheet.rows.insert(0, ("units", "as declared: nothing is far from one"))
        return sheet
    known = {p: sp.Float(p.value) for p in problem.parameters if not p.infer}

    def number(expression: sp.Expr) -> sp.Expr:
        expression = replaced(expression, known)
        long = [n for n in expression.atoms(sp.Number) if n.is_Float or max(abs(n.p), n.q) > 1000]
        return replaced(expression, {n: sp.Float(n, 4) for n in long})

    sheet = _strong(problem, number)
    sheet.title = "strong form in units of order one, R = 0"
    scales = scaling.scales
    units = [(n, f"{n} as declared is {unit.text(n)} here") for n, unit in scales.unknowns.items()]
    units += [(n, f"{n} as declared is {u:.4g}·{n} here") for n, u in scales.parameters.items() if u != 1]
    units += [(name, f"divided by {unit:.4g}") for name, unit in scales.equations.items()]
    sheet.rows[:0] = units
    return sheet


def _place(condition: declared.AnyCondition, problem: Problem) -> str:
    if isinstance(condition, declared.PointValue):
        return f"at ({', '.join(f'{c:g}' for c in condition.at)})"
    if isinstance(condition, declared.Initial | declared.InitialRate):
        return _start(problem)
    return f"on {getattr(condition, 'where', 'boundary')}"


def _start(problem: Problem) -> str:
    return f"at {problem.time} = {problem.time.start:g}" if problem.time is not None else "at the start"


def _flux(problem: Problem) -> _Sheet:
    names = [v.name for v in problem.variables]
    sheet = _Sheet(f"flux form, R = {' + '.join(f'∂F_{n}/∂{n}' for n in names)} + S")
    for equation in flux_form(problem).equations:
        label = equation.name
        for name, factor in equation.multipliers:
            sheet.rows.append((label, f"R is {equation.name} + {_factor(factor)}·{name}"))
            label = ""
        for name, component in zip(names, equation.flux, strict=True):
            sheet.put(label, f"F_{name}", component, f"F_{{{name}}}")
            label = ""
        sheet.put("", "S", equation.source, "S")
    return sheet


def _factor(factor: sp.Expr) -> str:
    return f"({line(factor)})" if factor.is_Add else line(factor)


def _weak(problem: Problem) -> _Sheet:
    form = weak_form(problem)
    taken = {*problem.unknown_names, *(s.name for s in (*problem.variables, *problem.parameters))}
    test = next(name for name in ("v", "w", "φ", "ψ", "χ") if name not in taken)
    sheet = _Sheet(f"weak form, −∫ F·∇{test} + ∮ F·n {test} + ∫ S {test} = 0")
    for equation in form.equations:
        for i, (x, component) in enumerate(zip(form.coordinates, equation.flux, strict=True)):
            sheet.put(equation.name if i == 0 else "", f"F_{x.name}", component, f"F_{{{x.name}}}")
        sheet.put("", "S", equation.source, "S")
        text, formula = _integral(form, equation, test)
        sheet.rows.append(("", f"{text} for all {test} that vanish where {equation.test} is given"))
        sheet.formulas.append(formula)
    for (unknown, value), places in _grouped(form).items():
        everywhere = len(places) == len(problem.domain.boundary_names) > 1
        where = "the boundary" if everywhere else ", ".join(places)
        sheet.put(f"on {where}", unknown, value, latex(sp.Symbol(unknown)))
    for point in form.points:
        name = point.unknown.func.__name__
        sheet.put(_place(point, problem), name, point.value, latex(sp.Symbol(name)))
    for start in form.initial:
        name = start.unknown + f"_{problem.time}" * start.order
        sheet.put(_start(problem), name, start.value, latex(sp.Symbol(name)))
    sheet.rows += [("periodic", f"along {x}") for x in form.periodic]
    sheet.rows += [("note", text) for text in form.notes]
    return sheet


def _grouped(form: WeakForm) -> dict[tuple[str, sp.Expr], list[str]]:
    """Boundaries by what is prescribed on them."""
    places: dict[tuple[str, sp.Expr], list[str]] = {}
    for essential in form.essential:
        places.setdefault((essential.unknown, essential.value), []).append(essential.where)
    return places


def _integral(form: WeakForm, equation: WeakEquation, test: str) -> tuple[str, str]:
    """The equation as integrals against a test function, as text and as LaTeX."""
    v = sp.Symbol(test)
    slopes = [sp.Symbol(f"{test}_{x.name}") for x in form.coordinates]
    inside = equation.source * v - sp.Add(*(f * s for f, s in zip(equation.flux, slopes, strict=True)))
    text = f"∫ ({line(inside)})"
    formula = f"0 &= \\int_\\Omega \\left({latex(inside)}\\right)\\,\\mathrm{{d}}x"
    for term in form.natural:
        if term.equation == equation.name and term.flux != 0:
            text += f" + ∮_{term.where} ({line(term.flux)})·{test}"
            over, edge = latex_name(term.where), latex(term.flux)
            formula += f" + \\oint_{{{over}}} \\left({edge}\\right) {latex(v)}\\,\\mathrm{{d}}s"
    return f"{text} = 0", formula


def _class(problem: Problem) -> _Sheet:
    kind = classify(problem)
    sheet = _Sheet(kind.sentence)
    words = {True: "yes", False: "no", None: "not decided"}
    sheet.rows = [
        ("order", str(kind.order)),
        ("order in time", str(kind.time_order)),
        ("linearity", kind.linearity),
        ("type", kind.type),
        ("symmetric", words[kind.symmetric]),
        ("coercive", words[kind.coercive]),
    ]
    return sheet


_WRITERS: dict[str, Callable[[Problem], _Sheet]] = {
    "strong": _strong, "flux": _flux, "weak": _weak, "class": _class,
}  # fmt: skip
