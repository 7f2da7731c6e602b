"""Quantities of interest: what they may say, in both languages, and what is refused."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit.declare as pk
from pinnkit.geometry import Disk, Rectangle

FILE = """\
name: heat
coordinates: [x, y]
time: {t: [0, 1]}
unknowns: [u]
parameters: {k: 2}
domain:
  difference:
    - rectangle: {lower: [0, 0], upper: [1, 1], name: outer}
    - disk: {center: [0.5, 0.5], radius: 0.2, name: hole}
equations: ["u_t = laplacian(u)"]
conditions: [{dirichlet: {u: 0}, where: boundary}, {initial: {u: 0}}]
quantities:
  flux: {integral: "k*dot(n, grad(u))", over: hole, time: average, tolerance: 0.01}
  mean_u: {mean: u, over: domain, time: 0.5}
  area: {integral: 1, over: domain}
  curvature: {value: "u_xx + u*x", at: [0.1, "1/5"]}
  ratio: {formula: "k*(curvature - mean_u)/area"}
"""

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 1)
u = pk.unknown("u", x, y, t)
k = pk.parameter("k", 2)
DOMAIN = Rectangle((0, 0), (1, 1), name="outer") - Disk((0.5, 0.5), 0.2, name="hole")


def problem(*quantities: pk.Quantity) -> pk.Problem:
    return pk.Problem(
        "heat", DOMAIN, [sp.Eq(sp.Derivative(u, t), pk.laplacian(u))],
        [pk.Dirichlet(u, 0), pk.Initial(u, 0)], quantities=quantities,
    )  # fmt: skip


def all_kinds() -> list[pk.Quantity]:
    flux = k * (pk.normal(x) * u.diff(x) + pk.normal(y) * u.diff(y))
    found = [
        pk.Quantity("flux", flux, over="hole", time="average", tolerance=0.01),
        pk.Quantity("mean_u", u, over="domain", mean=True, time=0.5),
        pk.Quantity("area", 1, over="domain"),
        pk.Quantity("curvature", u.diff(x, 2) + u * x, at=(0.1, 0.2)),
    ]
    _, mean_u, area, curvature = (quantity.symbol for quantity in found)
    return [*found, pk.Quantity("ratio", k * (curvature - mean_u) / area)]


def test_both_languages_say_the_same():
    assert pk.read_text(FILE).problem == problem(*all_kinds())


def test_written_file_reads_back():
    declared = problem(*all_kinds())
    text = declared.to_yaml()
    assert pk.read_text(text).problem == declared
    assert 'mean_u: {mean: u, over: domain, time: 0.5}' in text


def test_kinds_and_words():
    kinds = [quantity.kind for quantity in all_kinds()]
    assert kinds == ["integral", "mean", "integral", "value", "formula"]
    words = [quantity.words for quantity in all_kinds()]
    assert words[0] == "integral over 'hole', average over time"
    assert words[1] == "mean over the domain, time 0.5"
    assert words[3] == "value at (0.1, 0.2)"


def test_digest_changes_with_the_quantities_only_where_there_are_some():
    bare = problem()
    declared = problem(*all_kinds())
    assert bare.without_quantities is bare
    assert declared.digest != bare.digest
    assert declared.without_quantities == bare
    assert declared.without_quantities.digest == bare.digest
    assert "quantities" not in bare.to_yaml()


def test_manufactured_problems_take_quantities():
    v = pk.unknown("v", x, y)
    made = pk.manufactured(
        "made", DOMAIN, [-pk.laplacian(v)], {v: x * y}, quantities=[pk.Quantity("m", v, over="domain")]
    )
    assert pk.read_text(made.to_yaml()).problem == made
    text = FILE.replace("conditions: [", "manufactured: {exact: {u: x}} # [")
    assert [q.name for q in pk.read_text(text).problem.quantities][:2] == ["flux", "mean_u"]


# What is changed in the file, to what, the line of the complaint, its words and how to mend it.
FAULTS = {
    ("over: hole", "over: holl"): (13, "quantity 'flux': unknown boundary 'holl'", "did you mean 'hole'?"),
    ("time: 0.5", "time: 3"): (14, "quantity 'mean_u': time 3 lies outside [0, 1]", "move it inside"),
    ("time: average", "time: averag"): (13, "averag", "a number"),
    ("u_xx", "u_xxy"): (16, "is of order 3", "introduce an unknown for a lower derivative"),
    ("{mean: u", '{mean: "n_x*u"'): (14, "n_x is the outward normal", "stated on a boundary"),
    ("{mean: u", "{mean: v"): (14, "unknown name 'v'", "declare v"),
    ("{mean: u", '{mean: "u/0"'): (14, "division by zero", "below the line"),
    ("{mean: u", '{mean: "grad(u)"'): (14, "is a vector", "use dot"),
    ("{mean: u", "{average: u"): (14, "unknown entry of quantity 'mean_u' 'average'", "remove it"),
    (", over: domain, time", ", time"): (14, "lacks 'over'", 'mean_u: {mean: "u", over: domain}'),
    ("[0.1, ", "[0.5, 0.5, "): (16, "the point has 3 coordinate(s)", "give one number for each"),
    ('[0.1, "1/5"]', "[0.5, 0.45]"): (16, "the point (0.5, 0.45) lies outside the domain", "move it inside"),
    ('"1/5"]', "left]"): (16, "at", "write a number"),
    ("curvature - mean_u", "curvature - mean_v"): (17, "unknown name 'mean_v'", "did you mean 'mean_u'?"),
    ("curvature - mean_u", "curvature - u"): (17, "u(x, y, t) is taken nowhere", 'over="domain"'),
    ("curvature - mean_u", "curvature - x"): (17, "unknown earlier quantity 'x'", "declare it above"),
    ('/area"', '/area", over: hole'): (17, "formula takes no `over`", "remove `over`"),
    ("tolerance: 0.01", "tolerance: 0"): (13, "the tolerance is 0", "tolerance=0.01"),
    ("  area:", "  u:"): (15, "the name 'u' stands for two things", "rename one"),
    ("  area:", "  u_x:"): (15, "also means a derivative of u", "rename it"),
    ("quantities:\n", "quantities: 3\nother:\n"): (13, "unknown entry of the problem file 'other'", ""),
}


@pytest.mark.parametrize(("before", "after"), FAULTS, ids=lambda text: text.strip())
def test_faults_in_a_file_are_told_with_their_line(before, after):
    line, what, mend = FAULTS[before, after]
    text = FILE.replace(before, after)
    assert text != FILE
    text = text.replace("curvature - mean_u)/area", "curvature - mean_u)") if before == "  area:" else text
    with pytest.raises(pk.DeclarationError) as complaint:
        pk.read_text(text)
    assert complaint.value.place is not None
    assert complaint.value.place.line == line
    assert what in str(complaint.value)
    assert mend in complaint.value.mend


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        (lambda: pk.Quantity("q", u), "taken nowhere"),
        (lambda: pk.Quantity("q", "u", over="domain"), "is text"),
        (lambda: pk.Quantity("q", u, over="domain", at=(0, 0)), "a value at a point, but over is given"),
        (lambda: pk.Quantity("q", u, at=(0, sp.nan)), "at is nan"),
        (lambda: pk.Quantity("q", u, over="domain", time="noon"), "time is 'noon'"),
        (lambda: pk.Quantity("q", sp.Symbol("later"), mean=True), "'mean' is given"),
        (lambda: pk.Quantity("q", u * sp.Symbol("z"), over="domain"), "unknown symbol 'z'"),
        (lambda: pk.Quantity("q", u.diff(t, 2).diff(x), over="domain"), "of order 3"),
        (lambda: "u", "is no quantity"),
    ],
)
def test_faults_in_python_are_told(quantity, words):
    with pytest.raises(pk.DeclarationError) as complaint:
        problem(quantity())
    assert words in str(complaint.value)


def test_names_are_unique():
    with pytest.raises(pk.DeclarationError, match="two quantities are called 'q'"):
        problem(pk.Quantity("q", u, over="domain"), pk.Quantity("q", u, over="boundary"))


def test_a_steady_problem_takes_no_time():
    v = pk.unknown("v", x, y)
    with pytest.raises(pk.DeclarationError, match="a time is given, but the problem has none"):
        pk.Problem(
            "steady", DOMAIN, [pk.laplacian(v)], [pk.Dirichlet(v, 0)],
            quantities=[pk.Quantity("q", v, over="domain", time="average")],
        )  # fmt: skip


def test_a_boundary_called_domain_is_refused():
    v = pk.unknown("v", x, y)
    with pytest.raises(pk.DeclarationError, match="both the whole domain and one of its boundaries"):
        pk.Problem(
            "steady", Disk((0, 0), 1, name="domain"), [pk.laplacian(v)], [pk.Dirichlet(v, 0)],
            quantities=[pk.Quantity("q", v, over="domain")],
        )  # fmt: skip
