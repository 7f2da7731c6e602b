"""Published mesh files as domains: read whole, and solved on against the data that lie beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.geometry.simplices import simplices
from pinnkit.reference import fem_reference
from tests.benchmarks.tables import Gate

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
EPSILON = (sp.sin(x) + sp.cos(y)) / 2
# File, data, cells, equation, how closely the data are to be met: they are good to 1.5e-3 and 7.6e-4.
CASES = {
    "Gear": (
        "gear.mesh", "fem_output_gear_forward_sin.csv", 14_192,
        sp.Eq(-pk.laplacian(u) + sp.diff(u, x) / 10, 50 * sp.sin(x) + sp.cos(x)), 2e-3,
    ),
    "Disk of quadrilaterals": (
        "circle_quad.mesh", "fem_output_circle2.csv", 1_024,
        sp.Eq(-pk.div(EPSILON * pk.grad(u)) + sp.diff(u, x), 10), 1e-3,
    ),
}  # fmt: skip


def gates() -> Iterator[Gate]:
    """Two gates for each file; not measured where the files are not at hand."""
    for name, (file, data, cells, equation, limit) in CASES.items():
        if "PINNKIT_CASES" not in os.environ:
            yield Gate(f"{name}, mesh file", "", "not measured: PINNKIT_CASES is not set", None)
            continue
        folder = Path(os.environ["PINNKIT_CASES"], "data", "fastvpinns")
        shape = pk.MeshFile(folder / file)
        whole, cut = shape.mesh, simplices(shape.mesh)
        gap = abs(cut.measure / whole.measure - 1)
        yield Gate(
            f"{name}: cells read, and cut into triangles", f"{cells} cells, areas equal to 1e-12",
            f"{len(whole.cells)} of kind {whole.kind}, {gap:.0e} ({'; '.join(shape.notes) or 'sound'})",
            len(whole.cells) == cells and gap <= 1e-12,
        )  # fmt: skip
        held = pk.Dirichlet(u, 0, where="boundary")
        problem = pk.Problem(name="mesh_file", domain=shape, equations=[equation], conditions=[held])
        reference = fem_reference(problem, tolerance=1e-2)
        table = np.loadtxt(folder / data, delimiter=",")
        difference = np.linalg.norm(reference.evaluate(table[:, :2])["u"] - table[:, 2])
        error = float(difference / np.linalg.norm(table[:, 2]))
        told = f"{error:.2e} (own error bar {reference.error_bar['u']:.1e}, {reference.seconds:.1f} s)"
        yield Gate(f"{name}: solution against published data", f"≤ {limit:.0e}", told, error <= limit)
