"""Numbers and tables in HTML; all text is escaped here."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 3) -> str:
    """A number as people write it: 0.0123, 4.56×10⁻⁵, – for none."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "not finite"
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        text = f"{value:.{digits}g}" if abs(value) < 1000 else f"{value:.0f}"
    else:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
        text = power if float(mantissa) == 1 else f"{mantissa}×{power}"
    return text.replace("-", "−")


def seconds(value: float) -> str:
    """A duration: 0.42 s, 12.3 s, 3 min 20 s."""
    if value < 100:
        return f"{value:.3g} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def faint(text: str) -> str:
    """A remark below or above what it is about."""
    return f'<p class="faint">{escape(text)}</p>'


def table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: Sequence[int] = (0,)) -> str:
    """An HTML table of plain text; all but the text columns are set as numbers."""
    kinds = ["" if i in text_columns else ' class="number"' for i in range(len(header))]
    head = "".join(f'<th scope="col"{k}>{escape(cell)}</th>' for k, cell in zip(kinds, header, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{escape(cell)}</td>" for k, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def pairs(values: Mapping[str, str]) -> str:
    """A two-column table of names and plain text."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(text)}</td></tr>'
        for name, text in values.items()
    )
    return f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as dotted names and text."""
    found: dict[str, str] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        elif isinstance(value, (list, tuple)):
            found[name] = ", ".join(map(str, value)) or "none"
        else:
            found[name] = "none" if value is None else str(value)
    return found
