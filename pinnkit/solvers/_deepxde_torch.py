"""PyTorch under the names that emitted expressions use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

_OTHERWISE = {"equal": "eq", "power": "pow", "mod": "remainder"}


class TorchNamespace:
    """Functions of tensors; plain numbers among their arguments become tensors, which PyTorch insists on."""

    __name__ = "torch"
    nan = float("nan")

    def __init__(self, kind: Any):
        import torch  # pyright: ignore[reportMissingImports]

        self._torch, self._kind = torch, kind

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._torch, _OTHERWISE.get(name, name))
        return lambda *values, **options: function(*map(self._tensor, values), **options)

    def _tensor(self, value: Any) -> Any:
        if isinstance(value, float):
            return self._torch.tensor(value, dtype=self._kind)
        return self._torch.tensor(value) if isinstance(value, bool) else value

    def asarray(self, value: Any, dtype: Any = None) -> Any:
        """A tensor; of the working precision where it comes from NumPy."""
        if isinstance(value, (np.ndarray, float)):
            value = self._torch.as_tensor(value, dtype=self._kind)
        return self._torch.as_tensor(value, dtype=dtype)

    def result_type(self, *values: Any) -> Any:
        """The type that tensors are promoted to."""
        kinds = [value.dtype for value in values if not isinstance(value, float)]
        return reduce(self._torch.promote_types, kinds, self._kind)

    def broadcast_shapes(self, *shapes: Sequence[int]) -> Any:
        """The common shape."""
        return self._torch.broadcast_shapes(*shapes)

    def broadcast_to(self, value: Any, shape: Sequence[int]) -> Any:
        """The value in a shape."""
        return self._torch.broadcast_to(value, shape)
