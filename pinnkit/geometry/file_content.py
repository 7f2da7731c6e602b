"""What a mesh file says, whatever its format: points, cells, and named parts of both."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

# The cells of one block: its number, and their rows in it.
Members = list[tuple[int, np.ndarray]]


@dataclass
class FileContent:
    """Points (n, D) and blocks of cells (kind, (m, k)), in meshio's kinds and order of nodes.

    ``groups`` name cells of any dimension; ``sides`` facets by the numbers of their corners, one array (f, k)
    for each kind of facet; ``point_sets`` points. ``notes`` tell the user what could not be taken over.
    """

    points: np.ndarray
    blocks: list[tuple[str, np.ndarray]]
    groups: dict[str, Members] = field(default_factory=dict)
    sides: dict[str, list[np.ndarray]] = field(default_factory=dict)
    point_sets: dict[str, np.ndarray] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, block: int, rows: np.ndarray) -> None:
        """Put cells of a block into a group."""
        if len(rows):
            self.groups.setdefault(name, []).append((block, np.asarray(rows, dtype=np.int64)))

    def add_tags(self, block: int, tags: np.ndarray, names: dict[int, list[str]]) -> None:
        """Group the cells of a block by numbers; those without a name become ``tag_N``, 0 is no group."""
        for tag in np.unique(tags).tolist():
            for name in names.get(tag, [f"tag_{tag}"] if tag else []):
                self.add(name, block, np.flatnonzero(tags == tag))


def tag_name(name: str, number: int) -> str:
    """A name as files hold it, padded, or ``tag_N`` where it is empty."""
    return name.strip().strip("\0").strip() or f"tag_{number}"
