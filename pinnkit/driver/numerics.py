"""The numerical settings of a run, held within a context and put back after it; and the caches' place."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

_COMPILE_EVENTS = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


@dataclass
class Clock:
    """Seconds since it was made, those that JAX spent tracing and compiling, those the reference took."""

    reference: float = 0.0
    started: float = field(default_factory=time.perf_counter)
    _spans: list[tuple[float, float]] = field(default_factory=list)

    @property
    def wall(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def compile(self) -> float:
        """Seconds spent tracing and compiling."""
        return sum(end - start for start, end in self._spans)

    def listen(self, event: str, seconds: float, **_: object) -> None:
        """Take one of JAX's durations, told at its end; it swallows those nested in it, and joins those of
        another thread that it overlaps.
        """
        if event in _COMPILE_EVENTS:
            end = time.perf_counter()
            start = end - seconds
            while self._spans and self._spans[-1][1] >= start:
                start = min(start, self._spans.pop()[0])
            self._spans.append((start, end))


def cache_folder() -> Path:
    """Where references and compiled programs are kept: ``PINNKIT_CACHE``, or the user's cache folder."""
    if chosen := os.environ.get("PINNKIT_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "pinnkit"


@contextmanager
def precise() -> Iterator[None]:
    """float64 and full matrix precision, as they were before on leaving."""
    with training_in("float64"):
        yield


@contextmanager
def training_in(precision: str) -> Iterator[None]:
    """What training runs in, within ``precise``: float64 for "float64" and "mixed", nothing but float32 for
    "float32", and full matrix precision always.
    """
    import jax

    with jax.enable_x64(precision != "float32"), jax.default_matmul_precision("highest"):
        yield


@contextmanager
def numerics() -> Iterator[Clock]:
    """``precise``, with the compilation cache on disk and a clock that counts compilation apart."""
    import jax

    with ExitStack() as stack:
        stack.enter_context(precise())
        stack.enter_context(_compilation_cache(cache_folder() / "jax"))
        clock = Clock()
        jax.monitoring.register_event_duration_secs_listener(clock.listen)
        stack.callback(jax.monitoring.unregister_event_duration_listener, clock.listen)
        yield clock


@contextmanager
def _compilation_cache(folder: Path) -> Iterator[None]:
    import jax

    if jax.config.jax_compilation_cache_dir is not None:  # the user has chosen one
        yield
        return
    ours = {"jax_compilation_cache_dir": str(folder), "jax_persistent_cache_min_compile_time_secs": 0.1}
    before = {name: getattr(jax.config, name) for name in ours}
    try:
        _configure(ours)
        yield
    finally:
        _configure(before)


def _configure(values: Mapping[str, object]) -> None:
    import jax
    from jax.experimental.compilation_cache import compilation_cache

    for name, value in values.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()  # JAX looks at these settings once only, at its first compilation
