"""The groups of a Gmsh file of version 4.1, cut out of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .file_content import tag_name

# The next so many entries of a section, of the kind "size", "int" or "real".
Take = Callable[[str, int], list[int]]


@dataclass(frozen=True)
class GmshGroups:
    """Groups of every entity, (dimension, number) → group numbers, and names, (dimension, group) → name."""

    groups: dict[tuple[int, int], list[int]]
    names: dict[tuple[int, int], str]

    def of(self, dimension: int, entity: int) -> list[str]:
        """Names of the groups that an entity belongs to; ``tag_N`` for numbered ones."""
        numbers = [abs(number) for number in self.groups.get((dimension, entity), [])]
        return [tag_name(self.names.get((dimension, number), ""), number) for number in numbers]


def split_groups(data: bytes) -> tuple[bytes, GmshGroups | None]:
    """A file of version 4.1 without the sections that hold its groups, and these; others as they are."""
    header = data[:200].split(b"\n", 2)
    if len(header) < 3 or header[0].strip() != b"$MeshFormat" or not header[1].startswith(b"4.1"):
        return data, None
    _, kind, size = header[1].split()[:3]
    names: dict[tuple[int, int], str] = {}
    groups: dict[tuple[int, int], list[int]] = {}
    data, text = _cut_out(data, b"PhysicalNames")
    for line in text.decode("utf-8", "replace").splitlines()[1:]:
        parts = line.split(None, 2)
        if len(parts) == 3:
            names[int(parts[0]), int(parts[1])] = parts[2].strip().strip('"')
    data, entities = _cut_out(data, b"Entities")
    if entities:
        numbers = _words(entities) if kind == b"0" else _bytes(entities, int(size))
        groups = _entities(numbers)
    return data, GmshGroups(groups, names)


def _cut_out(data: bytes, name: bytes) -> tuple[bytes, bytes]:
    opening, closing = b"$" + name, b"$End" + name
    start = data.find(opening + b"\n")
    start = start if start >= 0 else data.find(opening + b"\r\n")
    stop = data.find(closing, start)
    if start < 0:
        return data, b""
    if stop < 0:
        raise ValueError(f"it is cut off: {opening.decode()} is not closed")
    inside = data[data.index(b"\n", start) + 1 : stop]
    return data[:start] + data[stop + len(closing) :].lstrip(b"\r\n"), inside


def _words(section: bytes) -> Take:
    words = section.split()
    place = 0

    def take(kind: str, count: int) -> list[int]:
        nonlocal place
        start, place = place, place + count
        if place > len(words):
            raise ValueError("it is cut off: $Entities ends too soon")
        return [] if kind == "real" else [int(word) for word in words[start:place]]

    return take


def _bytes(section: bytes, size: int) -> Take:
    types = {"size": np.dtype(f"<u{size}"), "int": np.dtype("<i4"), "real": np.dtype("<f8")}
    place = 0

    def take(kind: str, count: int) -> list[int]:
        nonlocal place
        start, place = place, place + count * types[kind].itemsize
        if place > len(section):
            raise ValueError("it is cut off: $Entities ends too soon")
        return np.frombuffer(section[start:place], types[kind]).astype(int).tolist()

    return take


def _entities(take: Take) -> dict[tuple[int, int], list[int]]:
    """Entities after the format: number, corners of a box, groups, and from curves on what bounds them."""
    groups = {}
    for dimension, count in enumerate(take("size", 4)):
        for _ in range(count):
            (number,) = take("int", 1)
            take("real", 3 if dimension == 0 else 6)
            groups[dimension, number] = take("int", take("size", 1)[0])
            if dimension:
                take("int", take("size", 1)[0])
    return groups
