"""The kinds of network by name."""

from __future__ import annotations

from .features import Features
from .mlp import MLP, ModifiedMLP
from .network import AbstractNetwork
from .pirate import PirateNet
from .separable import Separable

NETWORKS: dict[str, type[AbstractNetwork]] = {
    "mlp": MLP,
    "modified_mlp": ModifiedMLP,
    "pirate": PirateNet,
    "separable": Separable,
    "features": Features,
}
