"""What a run shows while it goes on: a live line on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

_LINE_EVERY = 10.0  # seconds, where the output is no terminal


class Display(Protocol):
    """What the driver tells its display."""

    def step(self, text: str) -> None:
        """A sentence about what begins or was found."""

    def working(self, text: str, share: float) -> None:
        """What is being done, and the part of it that is done, between 0 and 1."""

    def training(
        self, stage: str, iteration: int, total: int, loss: float, errors: Mapping[str, float], seconds: float
    ) -> None:
        """Where training stands after a chunk of iterations."""

    def __enter__(self) -> Display: ...

    def __exit__(self, *raised: object) -> None: ...


class Silent:
    """Shows nothing."""

    def step(self, text: str) -> None: ...

    def working(self, text: str, share: float) -> None: ...

    def training(
        self, stage: str, iteration: int, total: int, loss: float, errors: Mapping[str, float], seconds: float
    ) -> None: ...

    def __enter__(self) -> Silent:
        return self

    def __exit__(self, *raised: object) -> None: ...


class Terminal:
    """Loss, error against the reference, rate and time left, on stderr so that stdout stays the verdict's."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(compact=True), TextColumn("left"),
            console=self._console, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=None, figures="", visible=False)
        self._spoke = 0.0
        self._piece = ""
        self._began: tuple[int, float] | None = None

    def __enter__(self) -> Terminal:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def step(self, text: str) -> None:
        """A line of its own."""
        self._console.print(text, markup=False, soft_wrap=True)

    def working(self, text: str, share: float) -> None:
        """The live line; where there is no terminal, one line for each level or other piece of work."""
        self._bar.update(self._task, description=text, total=1.0, completed=share, figures="", visible=True)
        piece = text.partition(",")[0]
        if not self._console.is_terminal and piece != self._piece:
            self._piece = piece
            self.step(text)

    def training(
        self, stage: str, iteration: int, total: int, loss: float, errors: Mapping[str, float], seconds: float
    ) -> None:
        """The live line; where there is no terminal, a plain one every ten seconds."""
        if self._began is None:
            self._began = (iteration, seconds)
            self._bar.reset(self._task, total=total, completed=iteration)
        start, since = self._began
        rate = (iteration - start) / (seconds - since) if seconds > since else 0.0
        figures = "  ".join([
            f"{iteration}/{total}", f"loss {loss:.2e}",
            *(f"error {name} {value:.2e}" for name, value in errors.items()),
            *([f"{rate:.0f} it/s"] if rate else []),
        ])  # fmt: skip
        self._bar.update(self._task, completed=iteration, description=stage, figures=figures, visible=True)
        elsewhere = not self._console.is_terminal
        if elsewhere and time.monotonic() - self._spoke > _LINE_EVERY:
            self._spoke = time.monotonic()
            left = f"  {(total - iteration) / rate:.0f} s left" if rate else ""
            self.step(f"{stage} {figures}{left}")


def display(wanted: bool) -> Display:
    """The terminal's display, or none."""
    return Terminal() if wanted else Silent()
