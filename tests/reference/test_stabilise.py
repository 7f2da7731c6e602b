"""Second derivatives on cells; what streamline diffusion does to layers and leaves to smooth solutions."""

from __future__ import annotations

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.reference.assembly import Assembler, IntegrationSet
from pinnkit.reference.kernels import Channel, Integrand, Kernel, Symbols
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.spaces import Space, SpaceProduct

X, Y = sp.symbols("x y")


def _integrals(mesh, degree, expression):
    """∫ of every second derivative of the interpolant of an expression, against the shape functions."""
    space = Space.on(mesh, degree)
    values = sp.lambdify((X, Y), expression, "numpy")(*space.positions.T)
    values = np.broadcast_to(values, (space.size,)).astype(float)
    found = []
    for axis in (3, 4, 5):
        channel = sp.Dummy()
        alphabet = Symbols((X, Y), None, (), {channel: Channel(0, axis, 0)}, {})
        kernel = Kernel([Integrand(0, (sp.S.Zero, sp.S.Zero), channel)], alphabet)
        assembler = Assembler(SpaceProduct((space,)), [(kernel, IntegrationSet.of_cells(mesh, 12))])
        residual = assembler.residual(0.0, (values,))
        np.testing.assert_allclose(assembler.jacobian(0.0, (values,))[0] @ values, residual, atol=1e-12)
        found.append(residual)
    return found


def test_second_derivatives_on_straight_cells_are_exact_for_polynomials():
    mesh = Meshes(pk.Rectangle((0, 0), (1, 2)), 3).first(0.5)
    for found, wanted in zip(
        _integrals(mesh, 3, X**3 - 2 * X**2 * Y + Y**3),
        _moments(mesh, (6 * X - 4 * Y, -4 * X, 6 * Y)),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_second_derivatives_on_curved_cells_vanish_for_planes():
    # Isoparametric cells hold planes exactly: what is left is the curvature of the map, wrongly taken.
    mesh = Meshes(pk.Disk((0, 0), 1), 3).first(0.4)
    assert mesh.curved.any()
    for found in _integrals(mesh, 2, 2 * X - Y):
        np.testing.assert_allclose(found, 0, atol=1e-11)


def _moments(mesh, expressions):
    space = Space.on(mesh, 3)
    found = []
    for expression in expressions:
        kernel = Kernel(
            [Integrand(0, (sp.S.Zero, sp.S.Zero), expression)], Symbols((X, Y), None, (), {}, {})
        )
        domain = IntegrationSet.of_cells(mesh, 12)
        zero = (np.zeros(space.size),)
        assembler = Assembler(SpaceProduct((space,)), [(kernel, domain)])
        found.append(assembler.residual(0.0, zero))
    return found
