"""Solvers for large systems in space: the same answers as factors, and what happens where they fail."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sps

import pinnkit as pk
from pinnkit.reference import linear
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.linear import Factorisation, Iterative, TooLarge, factorise
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.multigrid import ConjugateGradients, GeneralisedResiduals, NotConverged
from pinnkit.reference.rows import Rows

from . import solids


def system(problem: pk.Problem, size: float) -> tuple[sps.csr_matrix, Rows, np.ndarray]:
    found = Discretisation(derive(problem), Meshes(solids.CUBE, 2).first(size), 2)
    free = found.constraints.free
    zero = np.zeros(found.product.size)
    matrix = found.assembler.jacobian(0.0, (zero,))[0][free][:, free]
    return matrix, Rows(found.product, free), -found.assembler.residual(0.0, (zero,))[free]


def exact(matrix: sps.spmatrix, load: np.ndarray) -> np.ndarray:
    return Factorisation(matrix, False).solve(load)


@pytest.mark.parametrize("problem", [solids.poisson(solids.CUBE), solids.elasticity()], ids=lambda p: p.name)
def test_definite_systems(problem):
    matrix, rows, load = system(problem, 0.125)
    assert ConjugateGradients.suits(matrix)
    wanted = exact(matrix, load)
    found = ConjugateGradients(matrix, rows).solve(load)
    assert np.abs(found - wanted).max() <= 1e-10 * np.abs(wanted).max()


def test_rotations_belong_to_the_near_kernel_of_displacements():
    found = Discretisation(derive(solids.elasticity()), Meshes(solids.CUBE, 2).first(0.5), 2)
    zero = np.zeros(found.product.size)
    matrix = found.assembler.jacobian(0.0, (zero,))[0]
    modes = Rows(found.product, np.arange(found.product.size)).near_kernel
    assert modes.shape[1] == 6
    assert np.abs(matrix @ modes).max() <= 1e-12 * abs(matrix).max()


def test_convection_and_complex_shifts():
    u, x = solids.u, solids.x
    convection = pk.manufactured(
        "convection", solids.CUBE, [-pk.laplacian(u) + 5 * u.diff(x)], {u: solids.SMOOTH}
    )
    matrix, rows, load = system(convection, 0.125)
    assert not ConjugateGradients.suits(matrix)
    wanted = exact(matrix, load)
    found = GeneralisedResiduals(matrix, rows).solve(load)
    assert np.abs(found - wanted).max() <= 1e-10 * np.abs(wanted).max()
    matrix, rows, load = system(solids.poisson(solids.CUBE), 0.125)
    shifted = sps.csr_matrix(matrix + (3 + 5j) * matrix.diagonal().mean() * sps.eye_array(len(load)))
    wanted = exact(shifted, load + 1j)
    found = GeneralisedResiduals(shifted, rows).solve(load + 1j)
    assert np.abs(found - wanted).max() <= 1e-10 * np.abs(wanted).max()


def test_factors_follow_where_multigrid_does_not_converge(monkeypatch):
    matrix, rows, load = system(solids.poisson(solids.CUBE), 0.25)

    def fail(*_):
        raise NotConverged("the residual is 1 of the load")

    monkeypatch.setattr(ConjugateGradients, "solve", fail)
    solver = Iterative(matrix, rows)
    np.testing.assert_allclose(solver.solve(load), exact(matrix, load), rtol=1e-9)
    monkeypatch.setattr(linear, "_LARGEST", 100)
    with pytest.raises(TooLarge, match="do not fit into memory"):
        Iterative(matrix, rows).solve(load)


def test_the_choice_follows_the_matrix(monkeypatch):
    monkeypatch.setattr(linear, "_SMALL", 100)
    matrix, rows, _ = system(solids.poisson(solids.CUBE), 0.25)
    assert isinstance(factorise(matrix, False, rows), Iterative)
    assert isinstance(factorise(matrix, True, rows), Factorisation)
    assert isinstance(factorise(matrix, False), Factorisation)
