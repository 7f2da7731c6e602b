"""The public names: few, all there, the same for people and type checkers."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pinnkit


def test_at_most_45():
    assert len(pinnkit.__all__) <= 45


@pytest.mark.parametrize("name", pinnkit.__all__)
def test_resolves_and_is_documented(name):
    assert getattr(pinnkit, name).__doc__


def test_type_checkers_see_the_same_names():
    tree = ast.parse(Path(pinnkit.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name for node in block.body for alias in node.names}
    assert imported == set(pinnkit.__all__)


def test_dir_lists_them():
    assert set(pinnkit.__all__) <= set(dir(pinnkit))


def test_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"has no attribute 'Rectangel'.*Rectangle"):
        _ = pinnkit.Rectangel


def test_names_are_in_the_documentation():
    text = (Path(pinnkit.__file__).parents[1] / "docs" / "api.md").read_text()
    assert [name for name in pinnkit.__all__ if f"`{name}" not in text] == []


def test_importing_changes_nothing_global():
    code = (
        "import jax, numpy, os\n"
        "def state():\n"
        "    return jax.config.values.copy(), numpy.geterr(), dict(os.environ)\n"
        "before = state()\n"
        "import pinnkit\n"
        "for name in pinnkit.__all__:\n    getattr(pinnkit, name)\n"
        "for was, now in zip(before, state()):\n    assert was == now, (was, now)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
