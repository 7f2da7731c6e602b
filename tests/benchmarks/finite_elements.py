"""The gates of the finite-element reference: each measures one figure."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import pinnkit as pk
from pinnkit.reference import DataOptions, data_reference, fem_reference
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.locate import Locator
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.newton import newton
from tests.benchmarks.tables import ROOT, Gate
from tests.reference import honest
from tests.reference import problems as known
from tests.reference.test_steady import corner_exact, corner_problem


def gates() -> Iterator[Gate]:
    """Every gate, one after the other."""
    for measure in (
        _rates, _jacobian, _nonlinear, _corner, _burgers, _allen_cahn, _wave, _assembly, _location, _honesty,
    ):  # fmt: skip
        yield from measure()


def _discretise(problem: pk.Problem, degree: int, size: float, halvings: int = 0) -> Discretisation:
    meshes = Meshes(problem.domain, degree)
    mesh = meshes.first(size)
    for k in range(halvings):
        mesh = meshes.finer(mesh, size / 2 ** (k + 1))
    return Discretisation(derive(problem), mesh, degree)


def _rates() -> Iterator[Gate]:
    problem = known.poisson_disk()
    for degree in (1, 2, 3):
        errors = [known.errors(_discretise(problem, degree, 0.4, k).solve(), problem, "u") for k in (1, 2)]
        value, slope = np.log2(np.array(errors[0]) / np.array(errors[1]))
        yield Gate(
            f"Rates of P{degree} on the disk", f"L2 ≥ {degree + 0.85:g}, H1 ≥ {degree - 0.1:g}",
            f"{value:.2f}, {slope:.2f}", value >= degree + 0.85 and slope >= degree - 0.1,
        )  # fmt: skip


def _jacobian() -> Iterator[Gate]:
    worst = 0.0
    for problem in (known.nonlinear_poisson(), known.minimal_surface(), known.convection_robin()):
        assembler = _discretise(problem, 3, 0.5).assembler
        state, direction = np.random.default_rng(1).standard_normal((2, assembler.size))
        moving = assembler.jacobian(0.0, (state,))[0] @ direction
        ahead, behind = (assembler.residual(0.0, (state + s * direction,)) for s in (1e-5, -1e-5))
        worst = max(worst, np.abs(moving - (ahead - behind) / 2e-5).max() / np.abs(moving).max())
    yield _below("Jacobian against central differences", worst, 1e-8)


def _nonlinear() -> Iterator[Gate]:
    problem = known.nonlinear_poisson()
    found = _discretise(problem, 3, 1 / 32)
    _, report = newton(found.assembler, found.constraints, found.lift(), False, found.masses)
    error = known.errors(found.solve(), problem, "u")[0]
    yield Gate(
        "Nonlinear Poisson, P3, 32²", "L2 ≤ 1e-07, ≤ 7 Newton steps", f"{error:.1e}, {report.steps}",
        error <= 1e-7 and report.steps <= 7,
    )  # fmt: skip


def _corner() -> Iterator[Gate]:
    began = time.perf_counter()
    discretised = _discretise(corner_problem(), 3, 0.25, 3)
    value, slope = known.distance(discretised.solve(), "u", corner_exact)
    seconds = time.perf_counter() - began
    yield Gate(
        "Graded L-shape, P3", "L2 ≤ 1e-08, H1 ≤ 1e-05",
        f"{value:.1e}, {slope:.1e} ({discretised.product.size} unknowns, {seconds:.1f} s)",
        value <= 1e-8 and slope <= 1e-5,
    )  # fmt: skip


def _burgers() -> Iterator[Gate]:
    yield _against("burgers", "burgers_colehopf.npz", 1e-10)


def _allen_cahn() -> Iterator[Gate]:
    yield _against("allen_cahn", "allen_cahn_periodic.npz", 1e-5)


def _against(name: str, file: str, own_error: float) -> Gate:
    if "PINNKIT_CASES" not in os.environ:
        return Gate(f"{name}, reference", "≤ 1e-06", "not measured: PINNKIT_CASES is not set", None)
    problem = pk.read(ROOT / "problems" / f"{name}.yaml").problem
    reference = fem_reference(problem, tolerance=1e-5)
    data = data_reference(problem, DataOptions(Path(os.environ["PINNKIT_CASES"], "data", file), own_error))
    difference = reference.evaluate(data.points)["u"] - data.values["u"]
    error = float(np.linalg.norm(difference) / np.linalg.norm(data.values["u"]))
    return _below(f"{name}, reference", error, 1e-6, f"{reference.seconds:.1f} s")


def _wave() -> Iterator[Gate]:
    problem = known.wave()
    reference = fem_reference(problem, tolerance=1e-5)
    error = max(known.true_error(reference, problem).values())
    yield _below("wave, reference", error, 1e-6, f"{reference.seconds:.1f} s")


def _assembly() -> Iterator[Gate]:
    """Residual and Jacobian on 20,000 triangles, one thread."""
    for degree, limit in ((1, 0.03), (2, 0.08), (3, 0.24)):
        assembler = _discretise(known.nonlinear_poisson(), degree, 0.01).assembler
        state = (np.random.default_rng(0).standard_normal(assembler.size),)

        def both(assembler=assembler, state=state) -> None:
            assembler.residual(0.0, state)
            assembler.jacobian(0.0, state)

        with threadpool_limits(limits=1, user_api="blas"):
            seconds = _fastest(both)
        name = f"Assembly of P{degree}, {len(assembler.product.mesh.cells)} triangles"
        yield Gate(name, f"≤ {limit:.2f} s", f"{seconds:.3f} s", seconds <= limit)


def _location() -> Iterator[Gate]:
    shape = pk.Rectangle((-1, -1), (1, 1)) - pk.Disk((0.3, 0.3), 0.2)
    meshes = Meshes(shape, 3)
    locator = Locator(meshes.finer(meshes.first(0.04), 0.02))
    points = np.random.default_rng(0).uniform(-1, 1, (120_000, 2))
    points = points[shape.contains(points)][:100_000]
    seconds = _fastest(lambda: locator.locate(points))
    yield Gate("1e5 points located in 2-D", "≤ 0.5 s", f"{seconds:.2f} s", seconds <= 0.5)


def _honesty() -> Iterator[Gate]:
    """One row for each problem: the unknowns whose bars are furthest from the truth."""
    for problem in honest.problems():
        reference = fem_reference(problem, tolerance=1e-4)
        ratios = [reference.error_bar[n] / e for n, e in honest.true_errors(reference, problem).items()]
        yield Gate(
            f"Error bar / true error: {problem.name}", "within 1 … 5",
            f"{min(ratios):.2f} … {max(ratios):.2f}", min(ratios) >= 1 and max(ratios) <= 5,
        )  # fmt: skip


def _fastest(action: Callable[[], object]) -> float:
    action()
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return min(taken)


def _below(name: str, error: float, limit: float, beside: str = "") -> Gate:
    return Gate(name, f"≤ {limit:.0e}", f"{error:.1e}" + (f" ({beside})" if beside else ""), error <= limit)
