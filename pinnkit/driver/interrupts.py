"""Ctrl-C, heeded even where a library swallows the exception it raises."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupts() -> Iterator[Callable[[], None]]:
    """What to call now and then: it raises ``KeyboardInterrupt`` if Ctrl-C was pressed and got lost.

    Python drops exceptions that are raised in a callback of its garbage collector, as JAX registers one.
    Only in the main thread and in place of Python's own handler, which is put back on leaving; elsewhere
    nothing is changed.
    """
    pressed = False

    def raise_if_pressed() -> None:
        if pressed:
            raise KeyboardInterrupt

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        signal.default_int_handler(number, frame)

    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield raise_if_pressed
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield raise_if_pressed
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
