"""Discovery: a new solver is one file, and a broken one hides no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pinnkit import DeclarationError, solvers

DOCUMENTED = Path(__file__).parents[2] / "docs" / "extending.md"

SOUND = """
from pinnkit.solvers import DirectSolver, Requirement

class {title}(DirectSolver):
    name = "{name}"
    summary = "does nothing"
    references = ("nobody (2000)",)
    requires = (Requirement("a steady problem", lambda problem: problem.time is None),)

    def run(self, problem, options, seed): ...
    def arrays(self, solution): ...
    def restore(self, problem, options, arrays): ...
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules into a package of their own and discover its solvers."""
    monkeypatch.syspath_prepend(tmp_path)

    def discover(name, **modules):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        return solvers.discover([str(folder)], name)

    return discover


def test_every_module_without_an_underscore_is_a_solver(package):
    found = package(
        "found_solvers",
        zeta=SOUND.format(title="Zeta", name="zeta"), alpha=SOUND.format(title="Alpha", name="alpha"),
        _shared="raise RuntimeError('not looked at')",
    )  # fmt: skip
    assert list(found.solvers) == ["alpha", "zeta"]
    assert found.broken == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('no licence')", "no licence"),
        ("x = 1", "expected one solver class, found 0"),
        (SOUND.format(title="A", name="a") + SOUND.format(title="B", name="b"), "found 2"),
        (SOUND.format(title="A", name="a").replace("summary =", "sumary ="), "lacks summary"),
        (SOUND.format(title="A", name="a").replace("def run", "def ran"), "abstract"),
        (SOUND.format(title="Twin", name="good"), "taken by another solver"),
    ],
)
def test_a_broken_module_is_listed_with_its_reason_and_hides_no_other(package, text, reason, request):
    name = f"broken_solvers_{abs(hash(request.node.name))}"
    found = package(name, good=SOUND.format(title="Good", name="good"), other=text)
    assert list(found.solvers) == ["good"]
    assert [module for module, _ in found.broken] == ["other"]
    assert reason in found.broken[0].reason


def test_broken_modules_are_told(monkeypatch):
    broken = solvers.Broken("deepxde", "ModuleNotFoundError: No module named 'deepxde'")
    monkeypatch.setattr(solvers, "registry", lambda: solvers.Registry({}, (broken,)))
    assert "deepxde  could not be loaded: ModuleNotFoundError" in solvers.listing()
    with pytest.raises(DeclarationError, match="'deepxde' could not be loaded: ModuleNotFoundError"):
        solvers.get("deepxde")


def test_the_documented_example_is_a_solver(package):
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENTED.read_text(), re.DOTALL)
    code = code.replace("from ._base", "from pinnkit.solvers._base").replace("from ..", "from pinnkit.")
    found = package("documented_solvers", my_solver=code)
    assert found.broken == ()
    assert "width: int = 30" in "\n".join(solvers.describe(found.solvers["my_solver"].options))
