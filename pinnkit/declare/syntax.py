"""Text to a syntax tree that is safe to walk: bounded in length, depth and parts, and only read.

``Source`` keeps the text beside the tree, so that a complaint can quote the part that it is about.
"""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any, NoReturn

from .bounds import Limits
from .errors import DeclarationError

LANGUAGE = "an expression of the problem language"
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.Attribute: ("attribute access", "name the thing under `definitions` and use the name"),
    ast.Subscript: ("indexing", "use the components' own names"),
    ast.Lambda: ("lambda", "write the expression itself"),
    ast.IfExp: ("if … else", "write Piecewise((value, condition), (other, True))"),
    ast.NamedExpr: (":=", "put named parts under `definitions`"),
    ast.Starred: ("*arguments", "write the arguments out"),
    ast.Dict: ("a dictionary", "write an expression"),
    ast.Set: ("a set", "write a vector as [a, b]"),
    ast.JoinedStr: ("text in quotes", "write the expression without quotes inside"),
    ast.Tuple: ("a tuple", "write a vector as [a, b]"),
    **dict.fromkeys(
        (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp),
        ("a comprehension", "write the terms out"),
    ),
    **dict.fromkeys((ast.Await, ast.Yield, ast.YieldFrom), ("a statement", "write an expression")),
    ast.BitXor: ("^", "a power is written x**2"),
    ast.BitAnd: ("&", "write `and`"),
    ast.BitOr: ("|", "write `or`"),
    ast.Invert: ("~", "write `not`"),
    ast.Mod: ("%", "write it by other functions"),
    ast.FloorDiv: ("//", "division is written /"),
    ast.MatMult: ("@", "an inner product is written dot(a, b)"),
    ast.LShift: ("<<", "write a comparison with <"),
    ast.RShift: (">>", "write a comparison with >"),
    ast.Not: ("not", "use it in the condition of a Piecewise"),
}


def sides(text: str, limits: Limits) -> list[str]:
    """The text between single equals signs, once it is known to be safe to read."""
    if not isinstance(text, str) or not text.strip():
        raise DeclarationError("an empty expression", expected="an expression", mend="write one, or 0")
    if len(text) > limits.characters:
        raise DeclarationError(
            f"`{excerpt(text)}` has {len(text)} characters", expected=f"at most {limits.characters}",
            mend="split it by `definitions`",
        )  # fmt: skip
    depth = deepest = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        deepest = max(deepest, depth)
    if deepest > limits.nesting:
        raise DeclarationError(
            f"`{excerpt(text)}` has {deepest} brackets within each other",
            expected=f"at most {limits.nesting}", mend="split it by `definitions`",
        )  # fmt: skip
    return [side.strip() for side in re.split(r"(?<![<>=!:])=(?!=)", " ".join(text.split()))]


def excerpt(text: str, width: int = 60) -> str:
    """The text, cut short where it is long."""
    return text if len(text) <= width else text[: width - 1] + "…"


class Source:
    """One text, its syntax tree, and complaints about parts of it."""

    def __init__(self, text: str, limits: Limits):
        self.text, self.limits = text, limits
        self.tree = self._read()

    def _read(self) -> ast.expr:
        if not self.text:
            raise DeclarationError(
                "one side of the equation is empty", expected="lhs = rhs", mend="write 0 there"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(self.text, mode="eval").body
        except (SyntaxError, ValueError) as error:
            column = getattr(error, "offset", None) or 1
            message = getattr(error, "msg", None) or str(error)
            product = re.search(r"(?<![\w.])(\d[\d.]*)\s?([A-Za-z_(]\w*)", self.text)
            raise DeclarationError(
                f"cannot read `{excerpt(self.text)}`, column {column}: {message}",
                expected="an expression such as 2*sin(pi*x)",
                mend=f"write {product[1]}*{product[2]}" if product else "check brackets and operators",
            ) from None
        except (RecursionError, MemoryError):
            raise self.too("is nested too deeply") from None
        self._measure(tree)
        return tree

    def _measure(self, tree: ast.expr) -> None:
        """Refuse large trees before any recursion enters them."""
        count, stack = 0, [(tree, 0)]
        while stack:
            node, depth = stack.pop()
            count += 1
            if count > self.limits.nodes:
                raise self.too(f"has more than {self.limits.nodes} parts")
            if depth > self.limits.nesting * 4:
                raise self.too("is nested too deeply")
            # Long sums and products lean to the left, a level for each term: they are long, not deep.
            chain = isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Pow)
            stack += [(child, depth + (not chain)) for child in ast.iter_child_nodes(node)]

    def too(self, what: str) -> DeclarationError:
        """The complaint about a text that is too long or too deep."""
        return DeclarationError(
            f"`{excerpt(self.text)}` {what}", expected="an expression of moderate size",
            mend="split it by `definitions`",
        )  # fmt: skip

    def forbid(self, node: ast.AST) -> NoReturn:
        """Raise the complaint about a kind of syntax that is not part of the language."""
        kinds: list[Any] = [type(getattr(node, "op", None)), type(node)]
        known = [_REFUSED[kind] for kind in kinds if kind in _REFUSED]
        what, mend = known[0] if known else ("this", "write it by numbers, names and functions")
        self.refuse(node, f"{what} is not allowed", LANGUAGE, mend)

    def refuse(self, node: ast.AST, fault: str, expected: str, mend: str) -> NoReturn:
        """Raise the complaint about one part of the text."""
        piece = ast.get_source_segment(self.text, node) or self.text
        within = "" if piece == self.text else f" in `{excerpt(self.text)}`"
        raise DeclarationError(f"`{excerpt(piece)}`{within}: {fault}", expected=expected, mend=mend)
