"""The cells that equations were tested on: a drawing with the orders of tests, and a table of rounds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..declare.problem import Problem
from ..geometry.elements import ELEMENTS
from ..solution.record import Record
from .canvas import Image, label_axes, new_figure, svg
from .tables import faint, number, table

_DRAWN = 20_000  # cells that a drawing can show
_ALONG = 5  # points on a curved side


def cells_html(problem: Problem, record: Record) -> str:
    """Drawing, numbers and the rounds of refinement."""
    image = cells_image(problem, record.cells)
    rounds = _rounds(record)
    header, rows = list(rounds), list(zip(*rounds.values(), strict=True))
    parts = [faint(_counted(record.cells)), image.html() if image else ""]
    if rows:
        parts.append(table(header, [[number(value) for value in row] for row in rows], ()))
        parts.append(faint("estimate: dual norm of the residual on tests of four orders more."))
    return "".join(parts)


def cells_image(problem: Problem, cells: Mapping[str, np.ndarray]) -> Image | None:
    """Cells in the plane coloured by order, or orders along a line; None for solids and very many cells."""
    dimension = len(problem.coordinates)
    orders = _orders(cells)
    if dimension > 2 or len(orders) > _DRAWN:
        return None
    names = [x.name for x in problem.coordinates]
    if dimension == 1:
        return _line(cells, names[0])
    return _plane(cells, names, orders)


def _line(cells: Mapping[str, np.ndarray], name: str) -> Image:
    figure, axes = new_figure(8.0, 2.4)
    for kind in _kinds(cells):
        ends = np.sort(cells[f"nodes {kind}"][:, :2, 0], axis=1)
        orders = cells[f"orders {kind}"]
        sizes = np.diff(ends, axis=1)[:, 0]
        axes.bar(ends[:, 0], orders, sizes, align="edge", edgecolor="white", linewidth=0.5)
    label_axes(axes, name, "order of tests")
    return svg(figure, "Cells and orders", "Cells, and the order of their tests.")


def _plane(cells: Mapping[str, np.ndarray], names: list[str], orders: np.ndarray) -> Image:
    from matplotlib.cm import ScalarMappable
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import BoundaryNorm

    figure, axes = new_figure(6.4, 5.0)
    present = np.arange(orders.min(), orders.max() + 2)
    norm = BoundaryNorm(present - 0.5, 256)
    for kind in _kinds(cells):
        width = 0.4 if len(orders) < 3000 else 0.1
        axes.add_collection(
            PolyCollection(
                list(_outlines(kind, cells[f"nodes {kind}"])), array=cells[f"orders {kind}"].astype(float),
                norm=norm, cmap="viridis", edgecolors="white", linewidths=width,
            )
        )  # fmt: skip
    axes.autoscale_view()
    axes.set_aspect("equal")
    label_axes(axes, *names, grid=False)
    bar = figure.colorbar(ScalarMappable(norm, "viridis"), ax=axes, ticks=present[:-1], fraction=0.04)
    bar.set_label("order of tests", fontsize=8)
    return svg(figure, "Cells and orders", "Cells, coloured by the order of their tests.")


def _outlines(kind: str, nodes: np.ndarray) -> np.ndarray:
    """Points (e, n, 2) around cells of the plane, on their curved sides where they have such."""
    element = ELEMENTS[kind]
    corners = np.array(element.nodes, float)[: element.corners]
    if element.flat:
        return element.places(nodes, corners)
    steps = np.arange(_ALONG)[:, None] / _ALONG
    around = [a + steps * (b - a) for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True)]
    return element.places(nodes, np.concatenate(around))


def _counted(cells: Mapping[str, np.ndarray]) -> str:
    orders = _orders(cells)
    kinds = ", ".join(f"{len(cells[f'orders {kind}'])} of kind {kind}" for kind in _kinds(cells))
    low, high = orders.min(), orders.max()
    return f"{kinds}; tests of order {low}" + (f" to {high}" if high > low else "")


def _rounds(record: Record) -> dict[str, np.ndarray]:
    """Columns of the table of rounds, with the errors that were measured at their ends."""
    columns = {
        name.removeprefix("rounds "): np.asarray(values)
        for name, values in record.cells.items() if name.startswith("rounds ")
    }  # fmt: skip
    if not columns:
        return {}
    at = columns["iteration"].astype(int) - 1
    for name, values in record.history.items():
        if name.startswith("error_") and at.max(initial=-1) < len(values):
            columns[f"relative L2 error of {name.removeprefix('error_')}"] = np.asarray(values, float)[at]
    return columns


def _kinds(cells: Mapping[str, np.ndarray]) -> list[str]:
    return [name.removeprefix("orders ") for name in cells if name.startswith("orders ")]


def _orders(cells: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([cells[f"orders {kind}"] for kind in _kinds(cells)])
