"""The report loads nothing, runs nothing, escapes everything, and says what happened."""

import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest

import pinnkit as pk
from pinnkit.report import report_html, write_report
from pinnkit.solution import Record, Solution, StorageError
from pinnkit.solution.quantities import Estimate
from pinnkit.validation import compare

VOID = {"meta", "img", "br"}
LOADING = {"script", "link", "iframe", "object", "embed", "base", "form", "video", "audio", "source"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self._open = [], "", []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "style" not in self._open:
            self.text += data

    def count(self, tag):
        return sum(name == tag for name, _ in self.elements)


def residual_of(solution):
    names = [equation.name for equation in solution.problem.equations]
    return lambda points: {name: 1e-3 * np.sin(points[:, 0]) for name in names}


def report(case, **more):
    solution, reference = case
    judged = compare(solution, reference, 1e-3)
    return Page(report_html(solution.problem, solution, reference, judged, residual_of(solution), **more))


def test_every_kind_of_problem_is_drawn(every_kind):
    page = report(every_kind)
    solution, _ = every_kind
    assert page.count("img") >= len(solution.names) + 2
    assert page.count("math") >= len(solution.problem.equations) + len(solution.problem.conditions)
    assert "Solved within the tolerance" in page.text
    assert "reference's own error" in page.text
    assert "trivial score" in page.text
    assert "u = 0 on left holds exactly." in page.text
    assert "P2 elements." in page.text
    assert "12.3 s" in page.text
    assert "network.width" in page.text
    assert ("over all times" in page.text) is (solution.problem.time is not None)


def test_nothing_is_loaded_and_nothing_runs(every_kind):
    for tag, attributes in report(every_kind).elements:
        assert tag not in LOADING
        assert not any(name.startswith("on") for name in attributes)
        assert not {"href", "srcset", "data", "style"} & set(attributes)
        assert attributes.get("src", "data:image/").startswith("data:image/")


def test_no_address_of_the_web_stands_in_the_page(strange):
    solution, reference = strange
    text = report_html(solution.problem, solution, reference, compare(solution, reference, 1e-3))
    text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)  # in which any four letters may stand
    assert "http" not in text
    assert "url(" not in text
    assert "@import" not in text


def test_names_from_strangers_are_text(strange):
    page = report(strange, sections=[("Title <i>", "Text & <script>bad()</script>")])
    assert page.count("script") == page.count("b") == page.count("i") == 0
    assert 'alert("x")' in page.text
    assert "balance <b>" in page.text
    assert "Title <i>" in page.text
    assert "Text & <script>bad()</script>" in page.text


def test_without_a_reference_it_says_so(simple):
    solution, _ = simple
    page = Page(report_html(solution.problem, solution))
    assert "Not validated" in page.text
    assert "Accuracy" not in page.text
    assert "Residual" not in page.text


@pytest.mark.parametrize(
    ("factor", "bar", "headline"),
    [
        (1.1, 0.0, "tolerance missed"),
        (1.002, 1e-3, "the reference is the limit"),
        (-1.0, 0.0, "No better than the trivial solution"),
        (np.nan, 0.0, "the solution is not finite"),
    ],
)
def test_each_outcome_has_its_headline(simple, factor, bar, headline):
    solution, _ = simple
    reference = SimpleNamespace(
        kind="fem", names=("u",), error_bar={"u": bar}, notes=(),
        evaluate=lambda p: {"u": p[:, 0] * (1 - p[:, 0])},
    )  # fmt: skip
    scaled = type(solution)(
        solution.problem, lambda p: {"u": factor * solution.field(p)["u"]}, solution.record
    )
    judged = compare(scaled, reference, 1e-3)
    assert headline in Page(report_html(scaled.problem, scaled, reference, judged)).text


def test_it_is_written_at_once(simple, tmp_path, monkeypatch):
    solution, _ = simple
    path = tmp_path / "report.html"
    write_report(path, solution.problem, solution)
    before = path.read_text(encoding="utf-8")
    assert before.startswith("<!DOCTYPE html>")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(StorageError, match="the disk is full"):
        write_report(path, solution.problem, solution)
    assert path.read_text(encoding="utf-8") == before


def test_figures_leave_no_global_state(simple):
    import sys

    solution, _ = simple
    before = "matplotlib.pyplot" in sys.modules  # libraries that other tests use import it
    report_html(solution.problem, solution)
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_quantities_stand_in_a_table_with_their_formulas():
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    mean = pk.Quantity("mean", u, over="domain", mean=True, tolerance=1e-2)
    quantities = [
        mean,
        pk.Quantity("flux", pk.normal(x) * u.diff(x), over="</td>rim"),
        pk.Quantity("point", u, at=(0.25, 0)),
        pk.Quantity("double", 2 * mean.symbol),
    ]
    problem = pk.Problem(
        "disk", pk.Disk((0, 0), 1, name="</td>rim"), [pk.laplacian(u)], [pk.Dirichlet(u, x)],
        quantities=quantities,
    )  # fmt: skip
    estimates = {"mean": 0.5, "flux": 2.5, "point": 0.25, "double": 1.0}
    reference = SimpleNamespace(
        kind="fem", names=("u",), error_bar={"u": 1e-6}, notes=(), seconds=1.0,
        evaluate=lambda p: {"u": p[:, 0]},
        quantities=lambda: {name: Estimate(value, 1e-6) for name, value in estimates.items()},
    )  # fmt: skip
    solution = Solution(problem, lambda p: {"u": 0.5 + 0 * p[:, 0]}, Record("pinn"))
    page = Page(report_html(problem, solution, reference, compare(solution, reference, 1e-2)))
    assert "Quantities of interest" in page.text
    assert "∫" in page.text
    assert "2.5" in page.text
    assert "at (0.25, 0)" in page.text
    assert "'pinn' gives no derivatives" in page.text
    assert "quantity mean passed" in page.text


def test_no_section_without_quantities(simple):
    solution, reference = simple
    page = report_html(solution.problem, solution, reference, compare(solution, reference, 1e-2))
    assert "Quantities of interest" not in page
