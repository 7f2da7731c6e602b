"""The kinds of network by name."""

from __future__ import annotations

from .features import Features
from .mlp import MLP, ModifiedMLP
from .network import AbstractNetwork

NETWORKS: dict[str, type[AbstractNetwork]] = {"mlp": MLP, "modified_mlp": ModifiedMLP, "features": Features}
