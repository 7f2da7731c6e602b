"""The certified error in a report: a section that a later validation may fill."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

from ..solution.atomic import write_text
from ..validation.certificate import Certificate, Uncertified
from .tables import number, table

_SECTION = re.compile(r'<section id="certificate".*?</section>', re.DOTALL)


def certificate_html(certificate: Certificate | Uncertified | None) -> str:
    """The section, empty and hidden where nothing was asked."""
    if certificate is None:
        return '<section id="certificate" hidden></section>'
    return f'<section id="certificate"><h2>Certified error</h2>{_content(certificate)}</section>'


def put_certificate(path: Path, certificate: Certificate | Uncertified) -> None:
    """Fill the section of a report that is written already. Raises ``StorageError`` where that fails."""
    section = certificate_html(certificate)
    text, found = _SECTION.subn(lambda _: section, path.read_text(encoding="utf-8"), count=1)
    write_text(path, text if found else text.replace("</body>", f"{section}\n</body>"))


def _content(certificate: Certificate | Uncertified) -> str:
    if isinstance(certificate, Uncertified):
        return f"<p>{escape(str(certificate))}.</p>"
    rows = [
        ("energy norm of the error", number(certificate.lower), number(certificate.upper)),
        (
            "relative to that of the solution",
            number(certificate.relative_lower),
            number(certificate.relative_upper),
        ),
    ]
    words = (
        "Guaranteed up to rounding; the effect of quadrature is measured and included."
        if certificate.kind == "certificate"
        else "An estimate."
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in certificate.notes)
    listed = f"<ul>{notes}</ul>" if notes else ""
    return f"{table(('', 'at least', 'at most'), rows)}<p>{words} No reference was used.</p>{listed}"
