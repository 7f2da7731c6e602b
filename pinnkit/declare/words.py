"""Which names a declaration may give to its symbols."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping

import sympy as sp

from .arithmetic import RESERVED, shorthand
from .errors import DeclarationError, Place
from .symbols import normal


def check_word(
    word: str, taken: Mapping[str, object], coordinates: Iterable[sp.Symbol], place: Place | None = None
) -> None:
    """Raise ``DeclarationError`` for a name that expressions could not use, or not without doubt."""
    plain = re.sub(r"\W", "", word).lstrip("_") or "a"
    if not word.isidentifier() or keyword.iskeyword(word) or word.startswith("_"):
        raise DeclarationError(
            f"the name {word!r} cannot stand in an expression",
            expected="letters, digits and underscores; no word of Python's",
            mend=f"rename it, such as {plain}_1",
            place=place,
        )
    if word in RESERVED or word in [normal(x).name for x in coordinates]:
        raise DeclarationError(
            f"the name {word!r} is taken by the problem language",
            expected="a name of your own",
            mend=f"rename it, such as {plain}_1",
            place=place,
        )
    if word in taken:
        raise DeclarationError(
            f"the name {word!r} stands for two things",
            expected="different names, and one symbol for one thing throughout",
            mend=f"rename one of them, or make {word} once",
            place=place,
        )
    if shorthand(word, taken) is not None:
        raise DeclarationError(
            f"the name {word!r} also means a derivative of {word.partition('_')[0]}",
            expected="a name that reads one way",
            mend=f"rename it, such as {plain.replace('_', '')}",
            place=place,
        )


def normalised(word: str) -> str:
    """The word as Python's parser spells it in expressions (NFKC), where μ has one code and not two."""
    return unicodedata.normalize("NFKC", word)
