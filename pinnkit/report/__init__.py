"""Reports: tables, figures and one self-contained HTML file."""

from __future__ import annotations

from .html import report_html, write_report

__all__ = ["report_html", "write_report"]
