"""How a domain and its time are divided among networks, as far as a drawing needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .decomposition import Interfaces


@dataclass(frozen=True, eq=False)
class Division:
    """Subdomains by name with the corners (m, d) of what holds them, time last.

    Those that overlap have no ``owners``, which give the subdomain (n,) of every point (n, d), and no
    ``interfaces``.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    owners: Callable[[np.ndarray], np.ndarray] | None = None
    interfaces: Interfaces | None = None
