"""Sections of a problem file beside the declaration, each entry with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .documents import Node
from .errors import Place

MAPPINGS = ("solver", "reference", "validate", "numerics")
# What the section compare lists is the driver's to read.
SECTIONS = (*MAPPINGS, "compare")


class Settings(Mapping[str, Any]):
    """The sections beside the declaration in plain data; ``place`` says where they stand."""

    def __init__(self, root: Node | None = None):
        self._root = root
        self._values = {
            # An empty section, as in `reference:`, is one without entries.
            key: {} if node.value is None else node.plain()
            for key, node in (root.value if root is not None else {}).items()
            if key in SECTIONS
        }

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def to_dict(self) -> dict[str, Any]:
        """The sections as nested dictionaries."""
        return dict(self._values)

    def place(self, *keys: str | int | tuple[str | int, ...]) -> Place | None:
        """Where an entry stands, by keys and positions from the section down; else the nearest entry above.

        The keys may come one by one or as one tuple.
        """
        node, found = self._root, None
        for key in keys[0] if keys and isinstance(keys[0], tuple) else keys:
            if node is None:
                break
            if isinstance(node.value, dict) and key in node.value:
                found, node = node.keys[str(key)], node.value[key]
            elif isinstance(node.value, list) and isinstance(key, int) and 0 <= key < len(node.value):
                node = node.value[key]
                found = node.place
            else:
                break
        return found
