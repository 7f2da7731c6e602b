"""The solution of a march: a callable over all slabs, and its arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .features import Features, Index
from .radau import Radau
from .slab import Slab

_CHUNK = 4096


@dataclass(frozen=True)
class MarchedField:
    """v(x, t) = Σ_j φ_j(x) c_j(t), c a polynomial in each slab.

    ``edges`` (K + 1,) of the slabs, ``layers`` (K,) the features of each. ``coefficients``
    (unknowns, q + 1, N) of each slab hold the start and the rate at the stages; of an unknown without a time
    derivative, its values at the stages, the start being zero.
    """

    names: tuple[str, ...]
    orders: tuple[int, ...]
    edges: np.ndarray
    layers: np.ndarray
    features: tuple[Features, ...]
    coefficients: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, slabs: Sequence[Slab]) -> MarchedField:
        """The field that solved slabs make up."""
        spaces = list({id(slab.space): slab.space for slab in slabs}.values())
        layers = [next(k for k, space in enumerate(spaces) if space is slab.space) for slab in slabs]
        edges = [*(slab.start for slab in slabs), slabs[-1].start + slabs[-1].length]
        names, orders = tuple(slabs[0].orders), tuple(slabs[0].orders.values())
        coefficients = tuple(
            np.stack([_coefficients(slab, place, name) for place, name in enumerate(names)]) for slab in slabs
        )
        return cls(
            names, orders, np.array(edges), np.array(layers), tuple(s.features for s in spaces), coefficients
        )

    def __call__(self, points: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values (n,) by unknown at points (n, d)."""
        found = self.derivatives(points, ((0,) * points.shape[1],))
        return {name: values[:, 0] for name, values in found.items()}

    def derivatives(self, points: np.ndarray, indices: tuple[Index, ...]) -> Mapping[str, np.ndarray]:
        """∂^α (n, number of indices) by unknown at points (n, d)."""
        points = np.asarray(points, float)
        found = {name: np.zeros((len(points), len(indices))) for name in self.names}
        times = points[:, -1]
        within = np.clip(np.searchsorted(self.edges, times, side="right") - 1, 0, len(self.layers) - 1)
        for slab in np.unique(within):
            chosen = np.flatnonzero(within == slab)
            for start in range(0, len(chosen), _CHUNK):
                rows = chosen[start : start + _CHUNK]
                for name, values in self._inside(int(slab), points[rows], indices).items():
                    found[name][rows] = values
        return found

    def _inside(self, slab: int, points: np.ndarray, indices: tuple[Index, ...]) -> dict[str, np.ndarray]:
        length = float(self.edges[slab + 1] - self.edges[slab])
        shares = (points[:, -1] - self.edges[slab]) / length
        coefficients = self.coefficients[slab]
        scheme = Radau(coefficients.shape[1] - 1)
        tables = self.features[self.layers[slab]].tables(points[:, :-1], sorted({i[:-1] for i in indices}))
        found: dict[str, np.ndarray] = {}
        for name, order, own in zip(self.names, self.orders, coefficients, strict=True):
            space = {index: table @ own.T for index, table in tables.items()}
            columns = [
                np.sum(space[index[:-1]] * _in_time(scheme, shares, length, index[-1], bool(order)), axis=1)
                for index in indices
            ]
            found[name] = np.stack(columns, axis=1)
        return found

    def arrays(self) -> dict[str, np.ndarray]:
        """All that the field is made of."""
        kept = {"edges": self.edges, "layers": self.layers, "orders": np.array(self.orders)}
        for k, features in enumerate(self.features):
            kept |= {f"centres_{k}": features.centres, f"widths_{k}": features.widths}
        kept["periods"] = np.array(self.features[0].periods)
        return kept | {f"coefficients_{k}": values for k, values in enumerate(self.coefficients)}

    @classmethod
    def restored(cls, names: tuple[str, ...], arrays: Mapping[str, np.ndarray]) -> MarchedField:
        """The field that ``arrays`` was made of."""
        periods, layers = tuple(map(float, arrays["periods"])), arrays["layers"]
        features = tuple(
            Features(arrays[f"centres_{k}"], arrays[f"widths_{k}"], periods)
            for k in range(int(max(layers)) + 1)
        )
        coefficients = tuple(arrays[f"coefficients_{k}"] for k in range(len(layers)))
        return cls(names, tuple(map(int, arrays["orders"])), arrays["edges"], layers, features, coefficients)


def _coefficients(slab: Slab, place: int, name: str) -> np.ndarray:
    levels = slab.levels(place, name)
    start = slab.initial[name][0] if slab.orders[name] else np.zeros(slab.space.rank)
    return np.concatenate([start[None], levels[min(1, len(levels) - 1)]]) @ slab.space.combinations.T


def _in_time(scheme: Radau, shares: np.ndarray, length: float, order: int, rates: bool) -> np.ndarray:
    """What ∂ₜ^order takes of the start and of each stage, (n, q + 1)."""
    start = np.full((len(shares), 1), float(order == 0))
    if rates and order == 0:
        return np.concatenate([start, length * scheme.integrals(shares)], axis=1)
    order = order - 1 if rates else order
    return np.concatenate([start, scheme.values(shares, order) / length**order], axis=1)
