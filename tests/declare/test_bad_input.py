"""Malformed problem files and declarations: each gets one clear complaint, quickly.

In the tables of files the line that the complaint must name is marked by ``# here``.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from typing import Any

import pytest
import sympy as sp

import pinnkit.declare as pk
from pinnkit.geometry import Disk, Interval, Rectangle

SECONDS = 2.0

POISSON = """\
name: poisson
coordinates: [x, y]
unknowns: [u]
parameters: {k: 2}
definitions: {f: "sin(pi*x)"}
domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}
equations:
  - "-laplacian(u) + k*u = f"
conditions:
  - {dirichlet: {u: 0}, where: boundary}
"""
HEAT = """\
name: heat
coordinates: [x]
time: {t: [0, 1]}
unknowns: [u]
domain: {interval: {lower: 0, upper: 1}}
equations:
  - "u_t = u_xx"
conditions:
  - {dirichlet: {u: 0}, where: boundary}
  - {initial: {u: "sin(pi*x)"}}
"""
STOKES = """\
name: stokes
coordinates: [x, y]
unknowns: [{w: [u, v]}, p]
domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}
equations:
  momentum: "laplacian(w) = grad(p)"
  continuity: "div(w) = 0"
conditions:
  - {dirichlet: {w: 0}, where: boundary}
  - {point: {p: 0, at: [0, 0]}}
"""

# An expression in place of f, and parts of: what, expected, mend
SOURCES: dict[str, tuple[str, str, str]] = {
    '2*g", g: "x': ("unknown name 'g'", "one of", "move g above f"),
    "1/0": ("division by zero", "nonzero", "below the line"),
    "x/(y - y)": ("division by zero", "nonzero", "below"),
    "log(0)": ("log(0)", "finite", "argument"),
    "sqrt(-2)": ("no real value", "real", "argument"),
    "9**9**9": ("exponent", "up to 64", "smaller"),
    "x**1e9": ("exponent", "up to 64", "smaller"),
    "gamma(10**9)": ("too large", "finite", "argument"),
    "exp(exp(exp(9)))": ("too large", "finite", "argument"),
    "__import__('os')": ("'__import__'", "sin(x)", ""),
    "x.__class__": ("attribute access", "language", "definitions"),
    "(lambda: x)()": ("lambda", "language", "expression itself"),
    "[x for y in z]": ("comprehension", "language", "terms out"),
    "sin(x, y)": ("sin with 2", "1 argument", "commas"),
    "sn(x)": ("unknown function 'sn'", "sin(x)", "'sin'"),
    "2x": ("cannot read", "2*sin", "2*x"),
    "x^2": ("^", "language", "x**2"),
    "x < 1": ("comparison", "expression", "Piecewise"),
    "(" * 300 + "x" + ")" * 300: ("brackets", "at most", "split"),
    "x+" * 3000 + "x": ("characters", "at most", "split"),
}  # fmt: skip
# The equation
EQUATIONS: dict[str, tuple[str, str, str]] = {
    "-laplacian(u) + K*u = f": ("unknown name 'K'", "k", "'k'"),
    "-laplacian(w) = f": ("unknown name 'w'", "one of", "declare w"),
    "u_xz = f": ("'xz' is no chain", "by x, y", "u_x"),
    "-laplacian(u) = n_x": ("outward normal", "coordinates", "boundary"),
    "-laplacian(u) = f = 0": ("2 equals signs", "lhs = rhs", "one equation"),
    "-laplacian(u) =": ("side of the equation is empty", "lhs", "0"),
    "u_x - u_x = f": ("holds no unknown", "unknowns", "cancel"),
    "grad(u) = f": ("a vector of 2 equal to a scalar", "one kind", "components"),
    "-laplacian(u) = sqrt(x - 0.5)": ("not a real number at", "finite", "roots"),
    "-laplacian(u) = 1/(x - 0.5)": ("infinite at", "finite", "Piecewise"),
}  # fmt: skip
# The condition, or two
CONDITIONS: dict[str, tuple[str, str, str]] = {
    "{dirichlet: {u: 0}, where: boundry}": ("unknown boundary 'boundry'", "left", "'boundary'"),
    "{dirichlet: {v: 0}, where: left}": ("there is no unknown 'v'", "u", ""),
    "{dirichlet: {u: v}, where: left}": ("unknown name 'v'", "one of", "declare v"),
    "{dirichlet: {u: [0, 1]}}": ("a column", "number", "numbers"),
    '{dirichlet: {u: "u + 1"}}': ("depends on u", "data", "Condition"),
    '{expression: "u_xx", where: boundary}': ("order 2 in u", "lower order", "Dirichlet"),
    '{expression: "x - 1", where: boundary}': ("holds no unknown", "unknowns", "u - value"),
    "{robin: {u: [1, 2]}}": ("2 value(s)", "[a, b, g]", "robin"),
    "{robin: {u: [1, 0, 0]}}": ("b is zero", "b ≠ 0", "Dirichlet"),
    "{dirichlet: {u: 0}, neumann: {u: 0}}": ("2 kinds", "one of", "own"),
    "{dirichlt: {u: 0}}": ("'dirichlt'", "dirichlet", "'dirichlet'"),
    "{periodic: z}": ("unknown coordinate 'z'", "x, y", ""),
    "{flux: {energy: 0}}": ("unknown equation 'energy'", "equation", ""),
    "{initial: {u: 0}}": ("no time", "time", "Dirichlet"),
    '{dirichlet: {u: "log(x - 2)"}}': ("not a real number at", "finite", "logarithms"),
}  # fmt: skip
# Any other line: the file, how the line begins, what replaces it; and parts of: what, expected, mend
LINES: list[tuple[str, str, str, str, str, str]] = [
    (POISSON, "unknowns", "unknowns: [x]  # here", "'x' stands for two things", "different", "rename"),
    (POISSON, "unknowns", "unknowns: [lambda]  # here", "'lambda' cannot", "letters", "rename"),
    (POISSON, "unknowns", "unknowns: [pi]  # here", "'pi' is taken", "your own", "pi_1"),
    (POISSON, "parameters", "parameters: {u_x: 1, k: 2}  # here",
     "also means a derivative", "one way", "ux"),
    (STOKES, "unknowns", "unknowns: [{w: [u, v]}, p, q]  # here",
     "q appears in no equation", "every unknown", "remove"),
    (POISSON, "definitions", "definitions: {f: .nan}  # here", "f is nan", "finite", "finite"),
    (POISSON, "definitions", "definitions: {f: true}  # here", "is true", "number", "write"),
    (POISSON, '  - "-lap', '  - "u_xx = f"\n  - "u_yy = f"', "2 equation(s) for 1", "as many", "remove an"),
    (POISSON, "unknowns", "unknowns: [u, k]", "'k' stands for two", "different", "rename"),
    (STOKES, "  continuity", '  other: "u_x = v_y"\n  continuity: "div(w) = 0"',
     "4 equation(s) for 3", "as many", "remove"),
    (POISSON, "  - {dir", "  - {dirichlet: {u: 0}, where: left}",
     "'right': no condition for u", "Dirichlet", "where='right'"),
    (POISSON, "  - {dir", "  - {dirichlet: {u: 0}}\n  - {neumann: {u: 0}, where: left}  # here",
     "contradict", "one statement", "remove"),
    (POISSON, "  - {dir", "  - {dirichlet: {u: 0}}\n  - {dirichlet: {u: 0}, where: top}  # here",
     "say the same", "one statement", "remove"),
    (POISSON, "  - {dir", "  - {periodic: x}\n  - {dirichlet: {u: 0}}  # here",
     "reaches the ends", "no other", "bottom, top"),
    (POISSON, "  - {dir", "  - {dirichlet: {u: 0}}\n  - {point: {u: 0, at: [2, 2]}}  # here",
     "outside", "of the domain", "within"),
    (POISSON, "  - {dir", "  - {dirichlet: {u: 0}}\n  - {point: {u: 0, at: [1]}}  # here",
     "1 number(s)", "x, y", "each"),
    (STOKES, "  - {point", "  - {neumann: {p: 0}}  # here",
     "order 1 in p", "lower order", "Dirichlet for p"),
    (STOKES, "  - {dir", "  - {dirichlet: {w: [1, 2, 3]}}  # here",
     "3 value(s) for the 2", "2 values", "each component"),
    (STOKES, "  - {dir", "  - {dirichlet: {w: 1}}  # here",
     "1 value(s) for the 2", "2 values", "each component"),
    (HEAT, "  - {initial", "", "u has no initial value", "Initial(u, …)", "initial: {u: …}"),
    (HEAT, "  - {initial", "  - {initial: {u: 0, u_t: 0}}  # here", "order 1 in time", "order 2", "remove"),
    (HEAT, "  - {initial", '  - {initial: {u: "x*t"}}  # here', "depends on t", "space", "t = 0"),
    (HEAT, '  - "u_t', '  - "u_tt = u_xx"', "u has no initial rate", "InitialRate", "u_t"),
    (HEAT, '  - "u_t', '  - "Derivative(u, t, 3) = u_xx"', "order 3", "one and two", "introduce"),
    (POISSON, "domain", "domain: {disk: {center: [0, 0], radius: -1}}  # here", "radius", "", ""),
    (POISSON, "domain", "domain: {rectangle: {lower: [0, 0], upper: [0, 1]}}  # here",
     "empty", "below", ""),
    (POISSON, "domain", "domain: {interval: {lower: 0, upper: 1}}  # here",
     "1 dimension(s)", "2 dimension(s)", "dimension"),
    (POISSON, "domain", "domain: {square: {lower: [0, 0]}}  # here",
     "unknown shape 'square'", "rectangle", ""),
    (POISSON, "domain", "domain: {disk: {centre: [0, 0], radius: 1}}  # here",
     "'centre'", "center", "'center'"),
    (POISSON, "domain", 'domain: {disk: {center: [0, 0], radius: "2*r"}}  # here',
     "unknown name 'r'", "number", ""),
    (POISSON, "domain", "domain: {mesh: {file: nowhere.msh}}  # here", "nowhere.msh", "", ""),
    (HEAT, "time", "time: {t: [1, 1]}  # here", "empty", "end after", "later"),
    (HEAT, "time", "time: {t: [1, 0]}  # here", "empty", "end after", "[0, 1]"),
    (HEAT, "time", "time: {t: 1}  # here", "is 1", "list", "time: {t: [0, 1]}"),
    (POISSON, "parameters", "parameters: {k: {value: 2, infer: true}}",
     "no observations", "measured", "Observations"),
    (POISSON, "parameters", "parameters: {k: {value: 9, bounds: [0, 1]}}  # here",
     "outside its bounds", "within", "widen"),
    (POISSON, "parameters", "parameters: {k: two}  # here", "unknown name 'two'", "a number", ""),
    (POISSON, "name", "name: ../../poisson", "../../poisson", "letters", "name"),
    (HEAT, "conditions", 'exact: {u: "exp(-t)*sin(pi*x)"}\nconditions:',
     "does not satisfy equation", "solution", "correct"),
    (HEAT, "conditions", 'exact: {w: "x"}  # here\nconditions:', "there is no unknown 'w'", "u", ""),
    (HEAT, "conditions", "observations: [{unknown: u}]  # here\nconditions:",
     "lacks 'file'", "file, unknown", "sensors"),
    (POISSON, "parameters", "paramters: {k: 2}  # here", "'paramters'", "parameters", "'parameters'"),
    (POISSON, "parameters", "parameters: {k: 2, k: 3}  # here", "'k' stands here twice", "once", "remove"),
    (POISSON, "coordinates", "coordinates: x  # here", "'x'", "a list", "[x, y]"),
    (POISSON, "equations", "equations: &eq  # here", "anchors", "plain", "definitions"),
    (POISSON, "unknowns", "unknowns: !!set [u]  # here", "tag", "plain", "remove"),
    (POISSON, "unknowns", "unknowns: [u", "no YAML", "1.2", "brackets"),
    (POISSON, "conditions", "solver: 3  # here\nconditions:", "solver is 3", "mapping", "solver"),
    (POISSON, "conditions", "problem: poisson.py:problem\nname2: 1  # here\nconditions:",
     "'name2'", "name", "'name'"),
]  # fmt: skip
EDITS = [
    *(
        (POISSON, "definitions", f'definitions: {{f: "{new}"}}  # here', *said)
        for new, said in SOURCES.items()
    ),
    *((POISSON, '  - "-lap', f'  - "{new}"  # here', *said) for new, said in EQUATIONS.items()),
    *((POISSON, "  - {dir", f"  - {new}  # here", *said) for new, said in CONDITIONS.items()),
    *LINES,
]


def complaint(make: Callable[[], Any]) -> pk.DeclarationError:
    """The complaint that ``make`` ends in, which must come quickly."""
    start = clock.perf_counter()
    with pytest.raises(pk.DeclarationError) as caught:
        make()
    assert clock.perf_counter() - start < SECONDS
    return caught.value


def edited(base: str, line: str, by: str) -> str:
    lines = base.splitlines()
    (at,) = [i for i, text in enumerate(lines) if text.startswith(line)]
    return "\n".join([*lines[:at], by, *lines[at + 1 :]])


@pytest.mark.parametrize(
    ("base", "line", "by", "what", "expected", "mend"), EDITS, ids=[e[2][:70] for e in EDITS]
)
def test_malformed_file(base: str, line: str, by: str, what: str, expected: str, mend: str) -> None:
    text = edited(base, line, by)
    marked = [i for i, entry in enumerate(text.splitlines(), 1) if entry.endswith("# here")]
    error = complaint(lambda: pk.read_text(text, "case.yaml"))
    assert what in error.what
    assert expected in error.expected
    assert mend in error.mend
    assert error.expected
    assert error.mend
    assert error.place is not None
    if marked:
        assert str(error).startswith(f"case.yaml:{marked[0]}: ")


@pytest.mark.parametrize("base", [POISSON, HEAT, STOKES])
def test_the_files_that_the_cases_start_from_are_sound(base: str) -> None:
    pk.read_text(base)


def chain(first: str, step: str) -> str:
    """The Poisson file with forty definitions, each in terms of the one before."""
    steps = [f"  f0: {first}", *(f"  f{i + 1}: {step.format(f'f{i}')}" for i in range(40)), "  f: f40"]
    return POISSON.replace('{f: "sin(pi*x)"}', "\n".join(["", *steps]))


WHOLE_FILES = {
    "nothing": ("", "empty"),
    "a comment": ("# to be written", "empty"),
    "a list": ("- u\n- v\n", "the problem file is a list"),
    "no equations": ("coordinates: [x]\nunknowns: [u]\ndomain: {interval: [0, 1]}\n", "lacks 'equations'"),
    "two documents": (POISSON + "---\nname: other\n", "second document"),
    "an alias": ("a: &a [1]\nb: *a\n", "anchors"),
    "a bomb of aliases": (
        "a: &a [x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\nd: &d [*c, *c, *c]\n",
        "anchors",
    ),
    "a bomb of definitions": (chain("x + y", "sin({0})*cos({0})*{0}"), "grows to"),
    "a bomb of sums": (chain("sin(x)*cos(y)", "({0} + 1)**2*({0} + 2)"), "grows to"),
    "a bomb of powers": (chain("x", "(2*{0})**60"), "too long"),
    "a bomb of derivatives": (
        POISSON.replace('f: "sin(pi*x)"', 'f: "sin(u*x)**8*cos(u*y)**8", g: "Derivative(f, x, 4, y, 4)"')
        .replace("= f", "= g"),
        "too large to carry out",
    ),
    "deep brackets": ("a: " + "[" * 5000, "levels of nesting"),
    "deep mappings": ("".join(" " * i + "a:\n" for i in range(500)), "levels of nesting"),
    "a megabyte of entries": ("a: [" + "1, " * 300_000 + "1]", "entries"),
    "two megabytes": ("a: " + "x" * 2_000_000, "larger than 1 MB"),
    "a long number": ("a: " + "9" * 100_000, "entry"),
    "control characters": ("a: \x00\x07", "no YAML"),
    "a merge key": ("a: {<<: {b: 1}}", "no word"),
}  # fmt: skip


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_malformed_whole_file(name: str) -> None:
    text, what = WHOLE_FILES[name]
    error = complaint(lambda: pk.read_text(text, "case.yaml"))
    assert what in error.what
    assert error.mend
    assert str(error).startswith("case.yaml:")


def test_a_hole_outside_is_placed_at_the_difference() -> None:
    shapes = "\n    - rectangle: {lower: [0, 0], upper: [1, 1]}\n    - disk: {center: [5, 5], radius: 1}"
    text = POISSON.replace(
        "domain: {rectangle: {lower: [0, 0], upper: [1, 1]}}", f"domain:\n  difference:{shapes}"
    )
    error = complaint(lambda: pk.read_text(text, "case.yaml"))
    assert "lies outside" in error.what
    assert "overlaps" in error.expected
    assert "move" in error.mend
    assert error.place is not None
    assert error.place.line in (7, 8)


x, y = pk.coordinates("x y")
t = pk.time("t", 0, 1)
u, v = pk.unknown("u", x, y), pk.unknown("v", x, y)
h = pk.unknown("h", x, t)
k = pk.parameter("k", 2.0)
square, line = Rectangle((0, 0), (1, 1)), Interval(0, 1)
zero = pk.Dirichlet(u, 0)
poisson = sp.Eq(-pk.laplacian(u), 1)


def problem(**changes: Any) -> pk.Problem:
    declared = {"name": "case", "domain": square, "equations": [poisson], "conditions": [zero]}
    return pk.Problem(**(declared | changes))


# make, and parts of: what, expected, mend
DECLARATIONS: dict[str, tuple[Callable[[], Any], str, str, str]] = {
    "equation collapsed to False": (
        lambda: problem(equations=[u.diff(x) == 1]),
        "is False", "equation", "sp.Eq",
    ),
    "equation collapsed to True": (lambda: problem(equations=[sp.Eq(u, u)]), "is True", "differ", "sp.Eq"),
    "equation as text": (lambda: problem(equations=["u_xx = 1"]), "is text", "sp.Eq", "problem files"),
    "plain symbol": (
        lambda: problem(equations=[pk.laplacian(u) + sp.Symbol("q")]),
        "'q'", "x, y", "parameter",
    ),
    "symbol of the same name": (
        lambda: problem(equations=[pk.laplacian(u) + sp.Symbol("x")]),
        "another symbol", "one symbol", "make x once",
    ),
    "two values of one parameter": (
        lambda: problem(equations=[pk.laplacian(u) + k * u - pk.parameter("k", 3)]),
        "'k'", "different", "once",
    ),
    "plain SymPy function": (
        lambda: problem(equations=[sp.Function("w")(x, y).diff(x)], conditions=[]),
        "unknown()", "real", "pk.unknown",
    ),
    "plain SymPy coordinates": (
        lambda: problem(equations=[pk.unknown("w", sp.Symbol("a"), sp.Symbol("b"))], conditions=[]),
        "coordinates()", "real", "pk.coordinates",
    ),
    "unknown at a point": (
        lambda: problem(equations=[poisson.lhs + u.subs(x, 0)]),
        "at 0", "coordinates", "u itself",
    ),
    "integral": (
        lambda: problem(equations=[poisson.lhs + sp.Integral(u, x)]),
        "has no place", "derivatives", "integrals",
    ),
    "imaginary": (
        lambda: problem(equations=[poisson.lhs + sp.I]),
        "has no place", "real", "real and imaginary",
    ),
    "not a number": (
        lambda: pk.Dirichlet(u, float("nan")) and problem(conditions=[pk.Dirichlet(u, float("nan"))]),
        "not finite", "finite", "division",
    ),
    "division by zero": (
        lambda: problem(equations=[poisson.lhs + 1 / (x - x)]),
        "not finite", "finite", "division",
    ),
    "value as text": (lambda: pk.Dirichlet(u, "sin(x)"), "is text", "SymPy", "problem files only"),
    "code as text": (
        lambda: pk.Dirichlet(u, "__import__('os').system('true')"),
        "is text", "SymPy", "problem files",
    ),
    "value of another kind": (lambda: pk.Dirichlet(u, None), "no scalar", "SymPy", "symbols"),
    "truth value": (lambda: pk.Dirichlet(u, True), "no scalar", "SymPy", "symbols"),
    "Dirichlet for a derivative": (lambda: pk.Dirichlet(u.diff(x), 0), "no unknown", "an unknown", "Neumann"),
    "Dirichlet for a sum": (lambda: pk.Dirichlet(u + v, 0), "no unknown", "an unknown", "Condition"),
    "Dirichlet for a name": (lambda: pk.Dirichlet("u", 0), "no unknown", "an unknown", "pk.unknown"),
    "too many values": (
        lambda: pk.Dirichlet(sp.Matrix([u, v]), (0, 1, 2)),
        "3 value(s) for the 2", "2 values", "each component",
    ),
    "expression among conditions": (
        lambda: problem(conditions=[u - 1]),
        "no condition", "a condition", "Condition(",
    ),
    "observations among conditions": (
        lambda: problem(conditions=[zero, pk.Observations(u, "a.csv")]),
        "no condition", "condition", "observations",
    ),
    "negative noise": (lambda: pk.Observations(u, "a.csv", noise=-1), "noise is -1", "zero or above", "0.01"),
    "domain as text": (lambda: problem(domain="square"), "'square'", "a shape", "pk.Rectangle"),
    "domain of another dimension": (
        lambda: problem(domain=line),
        "1 dimension(s)", "2 dimension(s)", "dimension",
    ),
    "unknown of nothing": (lambda: pk.unknown("u"), "no coordinate", "at least one", "unknown("),
    "unknown of a parameter": (
        lambda: pk.unknown("u", x, k),
        "not a coordinate", "coordinates()", "coordinates",
    ),
    "unknowns of different coordinates": (
        lambda: problem(equations=[poisson, pk.unknown("w", x).diff(x)]),
        "same variables", "x, y", "all coordinates",
    ),
    "one name for two unknowns": (
        lambda: problem(equations=[poisson, pk.unknown("u", y, x).diff(x)]),
        "two things", "one symbol", "once",
    ),
    "time alone": (
        lambda: problem(equations=[pk.unknown("w", t).diff(t)], conditions=[]),
        "no unknown depends on a space", "coordinate beside time", "interval",
    ),
    "more unknowns than equations": (
        lambda: problem(equations=[pk.laplacian(u) + v]),
        "1 equation(s) for 2", "as many", "add an equation",
    ),
    "condition for a stranger": (
        lambda: problem(conditions=[zero, pk.Dirichlet(v, 0)]),
        "v appears in no equation", "every unknown", "remove",
    ),
    "periodic disk": (
        lambda: problem(domain=Disk((0, 0), 1), conditions=[pk.Periodic(x)]),
        "no pair of equal flat ends", "box", "box",
    ),
    "periodic in time": (
        lambda: problem(domain=line, equations=[h.diff(t) - h.diff(x, 2)], conditions=[pk.Periodic(t)]),
        "this is time", "x", "initial values",
    ),
    "periodic twice": (
        lambda: problem(conditions=[pk.Periodic(x), pk.Periodic(x), pk.Periodic(y)]),
        "say the same", "one statement", "remove",
    ),
    "Neumann for a transported quantity": (
        lambda: problem(equations=[u.diff(x) + u.diff(y)], conditions=[pk.Neumann(u, 0, "left")]),
        "order 1 in u", "lower order", "Dirichlet for u",
    ),
    "one condition for the biharmonic equation": (
        lambda: problem(equations=[pk.laplacian(pk.laplacian(u)) - 1]),
        "1 condition(s) only", "2 of", "Neumann(u, 0",
    ),
    "inferred without data": (
        lambda: problem(equations=[pk.parameter("a", 1, infer=True) * poisson.lhs - 1]),
        "a is to be inferred", "measured", "Observations",
    ),
    "inferred field without data": (
        lambda: problem(equations=[pk.unknown("a", x, y, infer=True) * poisson.lhs - 1]),
        "a is to be inferred", "measured", "Observations",
    ),
    "derivative by a parameter": (
        lambda: problem(equations=[poisson.lhs - sp.Derivative(k * u, k)]),
        "differentiates by k", "x, y", "coordinates",
    ),
    "a name for a folder elsewhere": (lambda: problem(name="../up"), "'../up'", "letters", "poisson"),
    "wrong exact solution": (
        lambda: problem(exact={"u": x * y}),
        "does not satisfy", "every equation", "correct",
    ),
    "exact solution of a stranger": (
        lambda: problem(exact={"w": x}),
        "no unknown 'w'", "u", "unknown of the problem",
    ),
    "manufactured without a solution": (
        lambda: pk.manufactured("case", square, [pk.laplacian(u)], {}),
        "no exact expression for u", "u", "add u",
    ),
    "manufactured with strange conditions": (
        lambda: pk.manufactured("case", square, [pk.laplacian(u)], {"u": x}, conditions="dirichlett"),
        "'dirichlett'", "neumann", "'dirichlet'",
    ),
    "empty time": (lambda: pk.time("t", 2, 2), "empty", "end after", "later"),
    "endless time": (lambda: pk.time("t", 0, float("inf")), "inf", "finite", "finite"),
    "parameter outside its bounds": (
        lambda: pk.parameter("a", 5, bounds=(0, 1)),
        "outside its bounds", "within", "widen",
    ),
    "gradient of a number": (
        lambda: pk.grad(sp.Integer(3)),
        "no unknown", "with an unknown", "name the coordinates",
    ),
    "divergence of a scalar": (lambda: pk.div(u), "div of the scalar", "a vector", "column"),
}  # fmt: skip


@pytest.mark.parametrize("name", DECLARATIONS)
def test_malformed_declaration(name: str) -> None:
    make, what, expected, mend = DECLARATIONS[name]
    error = complaint(make)
    assert what in error.what
    assert expected in error.expected
    assert mend in error.mend
    assert str(error) == f"{error.what}\n  expected: {error.expected}\n  mend: {error.mend}"


def test_a_missing_file_is_one_clear_complaint(tmp_path) -> None:
    error = complaint(lambda: pk.read(tmp_path / "nowhere.yaml"))
    assert "cannot read" in error.what
    assert "No such file" in error.what


def test_a_binary_file_is_one_clear_complaint(tmp_path) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(bytes(range(256)))
    assert "not UTF-8" in complaint(lambda: pk.read(path)).what


def test_missing_observations_are_placed(tmp_path) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(POISSON + "observations:\n  - {file: sensors.csv, unknown: u}\n")
    error = complaint(lambda: pk.read(path))
    assert "sensors.csv" in error.what
    assert str(error).startswith(f"{path}:12: ")


PYTHON = {
    "problem: nowhere.py:problem": "there is no file",
    "problem: [a]": "a list",
    "problem: broken.py:problem": "stopped with ZeroDivisionError",
    "problem: empty.py:problem": "no problem called 'problem'",
    "problem: empty.yaml:problem": "'empty.yaml:problem'",
    "problem: empty.py:problem\nname: other": "'name' is given too",
}


@pytest.mark.parametrize("text", PYTHON)
def test_malformed_python_reference(text: str, tmp_path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    (tmp_path / "empty.py").write_text("")
    error = complaint(lambda: pk.read_text(text, "case.yaml", tmp_path))
    assert PYTHON[text] in error.what
    assert error.expected
    assert error.mend
    assert error.place is not None
