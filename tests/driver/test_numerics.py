"""Numerical settings hold within their context only; compile time is counted once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from pinnkit.driver.numerics import Clock, cache_folder, numerics


def test_settings_hold_within_and_are_put_back(tmp_path, monkeypatch):
    monkeypatch.setenv("PINNKIT_CACHE", str(tmp_path))
    before = jax.config.values.copy()

    def fail():
        with numerics():
            assert jnp.ones(1).dtype == jnp.float64
            assert jax.config.jax_default_matmul_precision == "highest"
            assert jax.config.jax_compilation_cache_dir == str(tmp_path / "jax")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert jax.config.values == before
    assert jnp.ones(1).dtype == jnp.float32


def test_a_compilation_cache_of_the_user_is_kept(tmp_path):
    before = jax.config.jax_compilation_cache_dir
    try:
        jax.config.update("jax_compilation_cache_dir", str(tmp_path))
        with numerics():
            assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    finally:
        jax.config.update("jax_compilation_cache_dir", before)


def test_compiling_is_part_of_the_wall_time():
    with numerics() as clock:
        jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x))(jnp.ones(7)).block_until_ready()
        assert 0 < clock.compile <= clock.wall


def test_nested_durations_count_once(monkeypatch):
    now = [10.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    clock = Clock()
    for end, seconds in ((11.0, 0.5), (12.0, 0.5), (12.5, 2.0), (14.0, 1.0)):
        now[0] = end
        clock.listen("/jax/core/compile/backend_compile_duration", seconds)
        clock.listen("/jax/something/else", 5.0)
    assert clock.compile == pytest.approx(3.0)


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("PINNKIT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().name == "pinnkit"
    monkeypatch.setenv("PINNKIT_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_programs_compiled_at_once_are_counted_once(monkeypatch):
    clock, now = Clock(), iter([1.0, 1.5, 4.0])
    monkeypatch.setattr("pinnkit.driver.numerics.time.perf_counter", lambda: next(now))
    for seconds in (0.5, 0.8, 0.25):  # the first from 0.5, the second from 0.7 on
        clock.listen("/jax/core/compile/backend_compile_duration", seconds)
    assert clock.compile == pytest.approx(1.0 + 0.25)
