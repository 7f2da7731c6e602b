"""What all tests share: bounded threads, a cache of their own, and the data of the acceptance cases."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:
    # One core for each worker; before JAX and NumPy are imported, since they look at start-up only.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

_CACHE = pytest.StashKey[Path]()
_MAPS = Path("/proc/self/maps")
_MOST_MAPS = 20_000


def pytest_configure(config: pytest.Config) -> None:
    """References and compiled programs are shared within a session and never with another."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        config.stash[_CACHE] = Path(tempfile.mkdtemp(prefix="pinnkit-tests-"))
        os.environ["PINNKIT_CACHE"] = str(config.stash[_CACHE])


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the session's cache."""
    if _CACHE in config.stash:
        shutil.rmtree(config.stash[_CACHE], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a GPU where there is none; long tests first, so that workers end together."""
    if any("gpu" in item.keywords for item in items):
        import jax

        if jax.default_backend() != "gpu":
            for item in items:
                if "gpu" in item.keywords:
                    item.add_marker(pytest.mark.skip(reason="JAX sees no GPU"))
    items.sort(key=lambda item: "slow" not in item.keywords)


def pytest_runtest_teardown() -> None:
    """Drop compiled programs before there are too many.

    Each holds memory mappings, of which Linux grants a process 65,530 and then lets malloc fail.
    """
    if "jax" in sys.modules and _MAPS.exists():
        with _MAPS.open("rb") as maps:
            count = sum(1 for _ in maps)
        if count > _MOST_MAPS:
            sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder with the data of the acceptance cases."""
    if not (folder := os.environ.get("PINNKIT_CASES")):
        pytest.skip("PINNKIT_CASES is not set: no data of the acceptance cases")
    return Path(folder)
