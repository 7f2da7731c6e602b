"""Ctrl-C is heeded even where the exception is swallowed, and Python's own handler comes back."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress

import pytest

from pinnkit.driver.interrupts import interrupts


@pytest.fixture(autouse=True)
def _own_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_swallowed_interrupt_is_raised_later():
    with interrupts() as raise_if_pressed:
        raise_if_pressed()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_pressed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_it_is_raised_at_once_where_nothing_swallows_it():
    with pytest.raises(KeyboardInterrupt), interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_handlers_of_the_user_and_other_threads_are_left_alone():
    def mine(*_):
        """A handler of the user."""

    def elsewhere():
        with interrupts() as raise_if_pressed:
            raise_if_pressed()

    signal.signal(signal.SIGINT, mine)
    with interrupts() as raise_if_pressed:
        assert signal.getsignal(signal.SIGINT) is mine
        raise_if_pressed()
    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) is mine
