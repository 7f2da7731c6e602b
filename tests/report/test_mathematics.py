"""MathML is well formed and reads as people write."""

import re
from xml.etree import ElementTree

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.report import mathematics

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
nu = pk.parameter("nu", 0.1)


def text(markup):
    """The letters of a formula, fractions as (a)/(b), exponents after ^, indices after _."""
    root = ElementTree.fromstring(markup)
    return re.sub(r"[\u2061\u2062]", "", _read(root)).replace("\u00a0", " ")


def _read(element):
    children = [_read(child) for child in element]
    if element.tag == "mfrac":
        return f"({children[0]})/({children[1]})"
    if element.tag in ("msup", "msub"):
        return {"msup": "^", "msub": "_"}[element.tag].join(children)
    if element.tag == "msqrt":
        return f"√[{''.join(children)}]"
    if element.tag == "mroot":
        return f"root[{children[0]};{children[1]}]"
    return (element.text or "") + "".join(children)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (u, "u"),
        (sp.Derivative(u, x), "(∂u)/(∂x)"),
        (sp.Derivative(u, (x, 2)), "(∂^2u)/(∂x^2)"),
        (sp.Derivative(u, x, y), "(∂^2u)/(∂x∂y)"),
        (sp.Derivative(nu * sp.Derivative(u, x), x, evaluate=False), "(∂)/(∂x)(ν(∂u)/(∂x))"),
        (-nu * sp.Derivative(u, (x, 2)), "−ν(∂^2u)/(∂x^2)"),
        (u * sp.Derivative(u, x), "u(∂u)/(∂x)"),
        (sp.sin(sp.pi * x) ** 2, "sin^2(πx)"),
        (sp.exp(-x), "e^−x"),
        (sp.exp(-x) / 2, "(e^−x)/(2)"),
        (pk.laplacian(u) / nu, "(1)/(ν)((∂^2u)/(∂x^2)+(∂^2u)/(∂y^2))"),
        (x / 3, "(x)/(3)"),
        (2 * x / 3, "(2)/(3)x"),
        (1 / (1 + x), "(1)/(x+1)"),
        (-(x + y), "−x−y"),
        (u * (x + y), "u(x+y)"),
        (x - y, "x−y"),
        ((x + y) ** 2, "(x+y)^2"),
        ((-x) ** sp.Rational(3, 2), "(−x)^(3)/(2)"),
        (sp.sqrt(x), "√[x]"),
        (sp.cbrt(x), "root[x;3]"),
        (sp.Abs(x), "|x|"),
        (sp.log(x), "ln(x)"),
        (sp.Float("1.5e-7"), "1.5×10^−7"),
        (sp.Float("1e-7") * x, "10^−7x"),
        (sp.Integer(-3), "−3"),
        (sp.Symbol("u_max"), "u_max"),
        (sp.Symbol("alpha_1"), "α_1"),
        (sp.besselj(0, x), "J_0(x)"),
        (sp.Max(x, 0), "max(0,x)"),
        (2 ** x * 3, "3·2^x"),
        (sp.Piecewise((x, x > 0), (y, True)), "{xif x>0yotherwise"),
        (sp.Matrix([x, y]), "(xy)"),
        (x < y, "x<y"),
        (sp.And(x < y, x > 0), "x>0 and x<y"),
    ],
)  # fmt: skip
def test_reads_as_written(expression, expected):
    assert text(mathematics.expression(expression)) == expected


def test_strange_names_are_escaped():
    strange = sp.Symbol("a<b>&c")
    assert text(mathematics.expression(strange + sp.Function("f<i>")(x))) in ("a<b>&c+f<i>", "f<i>+a<b>&c")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (pk.Dirichlet(u, x), "u=x"),
        (pk.Neumann(u, 0), "(∂u)/(∂n)=0"),
        (pk.Robin(u, 1, nu, 2), "u+ν(∂u)/(∂n)=2"),
        (pk.Robin(u, 0, 1, 2), "(∂u)/(∂n)=2"),
        (pk.Flux("balance", 3), "𝐅·𝐧=3"),
        (pk.PointValue(u, 0, (1, -0.5)), "u(1,−0.5)=0"),
        (pk.Condition(u - x), "u−x=0"),
        (pk.Periodic(x), "x periodic, all unknowns"),
    ],
)
def test_conditions(condition, expected):
    problem = pk.Problem(
        "p", pk.Rectangle((0, -1), (1, 1)), {"balance": pk.laplacian(u)}, [pk.Dirichlet(u, 0)]
    )
    assert text(mathematics.condition(condition, problem)) == expected


def test_conditions_in_time():
    t = pk.time("t", 0, 1)
    w = pk.unknown("w", x, t)
    problem = pk.Problem(
        "p",
        pk.Interval(0, 1),
        [sp.Eq(sp.Derivative(w, (t, 2)), sp.Derivative(w, (x, 2)))],
        [pk.Dirichlet(w, 0), pk.Initial(w, x), pk.InitialRate(w, 0)],
    )
    _, initial, rate = problem.conditions
    assert text(mathematics.condition(initial, problem)) == "w|_t=0=x"
    assert text(mathematics.condition(rate, problem)) == "(∂w)/(∂t)|_t=0=0"
    assert text(mathematics.equation(problem.equations[0])) == "(∂^2w)/(∂t^2)=(∂^2w)/(∂x^2)"
