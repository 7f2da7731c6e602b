"""DeepXDE's trained network as a field: values and derivatives from its weights alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


class DeepxdeField:
    """x → σ(W₁x+b₁) → … → W z + b, with no scaling of the coordinates; columns are the unknowns in order.

    ``layers`` holds ``weight_k`` (inputs, outputs) and ``bias_k`` as DeepXDE keeps them.
    """

    def __init__(self, names: tuple[str, ...], layers: Mapping[str, np.ndarray], activation: str):
        self.names, self.layers, self._activation = names, dict(layers), activation
        self._depth = sum(name.startswith("weight_") for name in layers)

    def __call__(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Values (n,) by unknown."""
        zero = (0,) * points.shape[1]
        return {name: columns[:, 0] for name, columns in self.derivatives(points, (zero,)).items()}

    def derivatives(self, points: np.ndarray, indices: tuple[tuple[int, ...], ...]) -> dict[str, np.ndarray]:
        """∂^α (n, number of indices) by unknown, in double precision."""
        import jax
        import jax.numpy as jnp

        from ..fields.activations import ACTIVATIONS
        from ..fields.derivatives import affine_inputs, closure, compose, linear

        with jax.enable_x64(True):
            wanted = closure(frozenset(indices))
            ones = jnp.ones(points.shape[1], float)
            bundle = affine_inputs(jnp.asarray(points, float), ones, 0 * ones, wanted)
            for k in range(self._depth):
                weight = jnp.asarray(self.layers[f"weight_{k}"].T, float)
                bundle = linear(bundle, weight, jnp.asarray(self.layers[f"bias_{k}"], float))
                if k < self._depth - 1:
                    bundle = compose(ACTIVATIONS[self._activation], bundle, wanted)
            none = np.zeros((len(points), len(self.names)))
            found = [np.broadcast_to(bundle.get(index, none), none.shape) for index in indices]
        return {name: np.stack([f[:, k] for f in found], axis=1) for k, name in enumerate(self.names)}
