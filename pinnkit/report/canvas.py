"""Images and blank figures, with matplotlib's object interface: no pyplot and no global state."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6a3d9a", "#8c564b", "#444444")
WIDTH = 10.0
_DPI = 120
_TRIMMED: dict[str, Any] = {"bbox_inches": "tight", "pad_inches": 0.08}
_PHONE = 7.0  # inches of a figure whose text can still be read when a phone shrinks it


@dataclass(frozen=True)
class Image:
    """An image with its description and caption, as it stands in a page; a wide one scrolls on a phone."""

    data: bytes
    kind: str
    alt: str
    caption: str = ""
    wide: bool = False

    def html(self) -> str:
        """A ``figure`` element with the image inlined."""
        source = f"data:image/{self.kind};base64,{base64.b64encode(self.data).decode('ascii')}"
        caption = f"<figcaption>{escape(self.caption)}</figcaption>" if self.caption else ""
        wide = ' class="wide"' if self.wide else ""
        image = f'<img src="{source}" alt="{escape(self.alt)}">'
        return f'<figure{wide}><div class="scroll">{image}</div>{caption}</figure>'


def new_figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **shared: Any
) -> tuple[Figure, Any]:
    """A figure of the given inches and its axes, as ``Figure.subplots`` returns them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=_DPI, layout="compressed", facecolor="white")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **shared)


def label_axes(axes: Axes, across: str, up: str, grid: bool = True) -> None:
    """Axis labels, small ticks, and a pale grid behind the curves."""
    axes.set_xlabel(across, fontsize=9)
    axes.set_ylabel(up, fontsize=9)
    axes.tick_params(labelsize=8)
    if grid:
        axes.grid(color="#e6e6e6", linewidth=0.6)
        axes.set_axisbelow(True)


def positive(values: np.ndarray) -> np.ndarray:
    """Sizes on a logarithmic axis, where zero has no place."""
    size = np.abs(np.asarray(values, dtype=float))
    return np.where(size > 0, size, np.nan)


def png(figure: Figure, alt: str, caption: str) -> Image:
    """The figure as pixels, for maps."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None}, **_TRIMMED)
    return Image(stream.getvalue(), "png", alt, caption, wide=figure.get_figwidth() > _PHONE)


def svg(figure: Figure, alt: str, caption: str) -> Image:
    """The figure as vectors, for lines."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None}, **_TRIMMED)
    return Image(stream.getvalue(), "svg+xml", alt, caption, wide=figure.get_figwidth() > _PHONE)


def plain(text: str) -> str:
    """Text from a problem file as matplotlib shows it letter by letter, not as mathematics."""
    return text.replace("$", r"\$")
