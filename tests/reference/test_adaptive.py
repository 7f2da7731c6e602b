"""Where cells are halved, and what a budget leaves room for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from pinnkit.reference import FemOptions, fem_reference
from pinnkit.reference.adaptive import Aim, marked, worst
from pinnkit.reference.budget import Budget, OutOfTime
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.elements import nodes
from pinnkit.reference.error_bar import expected_shrinkage
from pinnkit.reference.estimate import contents, energies
from pinnkit.reference.fields import DiscreteField
from pinnkit.reference.first_mesh import first_mesh
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.refinement import _Refinement
from pinnkit.reference.spaces import Space, SpaceProduct

from . import honest
from . import problems as known
from .problems import UNIT


def field(degree: int, function) -> DiscreteField:
    """The interpolant of a function on a mesh of the unit square."""
    mesh = Meshes(UNIT, degree).first(0.25)
    space = Space.on(mesh, degree)
    state = np.zeros(space.size)
    places = mesh.map(np.arange(len(mesh.cells)), nodes(2, degree).T)
    state[space.cell_dofs] = function(*np.moveaxis(places, -1, 0))
    return DiscreteField(("u",), SpaceProduct((space,)), coefficients=state)


def test_what_a_lower_degree_has_is_not_counted():
    flat = field(3, lambda x, y: 1 + x * y - 2 * x**2)
    shares, _ = contents(flat, np.ones(len(flat.product.mesh.cells)))
    assert shares.max() <= 1e-17


def test_contents_are_what_projection_leaves():
    """x on a cell less its mean: the variance, relative to ∫u² = 1/3."""
    linear = field(1, lambda x, y: x)
    mesh = linear.product.mesh
    shares, _ = contents(linear, np.ones(len(mesh.cells)))
    corners = mesh.points[mesh.cells][:, :, 0]
    areas = np.abs(np.linalg.det(mesh.jacobian(np.arange(len(mesh.cells)), np.zeros((2, 1))))[:, 0]) / 2
    variance = ((corners - corners.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / 12
    np.testing.assert_allclose(shares, 3 * areas * variance, rtol=1e-10)


def test_what_is_left_of_zero_is_no_aim():
    """A small unknown that is mostly of the highest degree is the error of one that is zero."""
    flow, rng = field(3, lambda x, y: np.exp(x + y)), np.random.default_rng(0)
    space = flow.product.spaces[0]
    for size, aimed_at in ((1e-3, False), (1.0, True)):
        noise = size * rng.standard_normal(space.size)
        both = DiscreteField(
            ("u", "p"), SpaceProduct((space, space)), coefficients=np.append(flow.coefficients, noise)
        )
        assert (contents(both, np.ones(32))[0].max() > 1e-3) == aimed_at


def test_rough_cells_are_told_from_smooth_ones():
    smooth = contents(field(3, lambda x, y: np.exp(x + y)), np.ones(32))[1]
    rough = contents(field(3, lambda x, y: np.sign(x - 0.3 + 0.1 * y)), np.ones(32))[1]
    assert smooth.max() < 0.1
    assert rough.max() > 0.25


def test_cells_with_more_than_their_share_are_marked():
    shares = np.array([1e-4, 1e-6, 1e-6, 1e-9])
    smooth = np.zeros(4)
    assert marked(shares, smooth, Aim(1e-2, 1e-3)).tolist() == [True, False, False, False]
    rough = np.array([0.0, 0.0, 0.5, 0.0])
    assert marked(shares, rough, Aim(1e-2, 1e-4)).tolist() == [True, False, True, False]


def test_only_the_worst_are_kept_where_there_is_no_room():
    chosen = np.array([True, False, True, True])
    assert worst(chosen, np.array([3.0, 9.0, 1.0, 2.0]), 2).tolist() == [True, False, False, True]
    assert worst(chosen, np.ones(4), 0).sum() == 0


def test_cells_shrink_at_a_peak():
    reference = fem_reference(honest.peak(), tolerance=1e-3)
    mesh = reference.solution.product.mesh
    centres = mesh.points[mesh.cells].mean(axis=1)
    near = np.linalg.norm(centres - [0.3, 0.6], axis=1) < 0.1
    assert mesh.sizes[near].max() <= 0.501 * np.median(mesh.sizes[~near])


def test_smooth_solutions_keep_their_even_mesh():
    reference = fem_reference(known.poisson_square(), tolerance=1e-3)
    sizes = reference.solution.product.mesh.sizes
    assert sizes.max() < 2.1 * sizes.min()


@pytest.mark.parametrize("axes", [(0,), (0, 1)])
def test_periodic_sides_still_match_after_local_refinement(axes):
    meshes = Meshes(UNIT, 3, axes)
    mesh = meshes.first(0.25)
    centres = mesh.points[mesh.cells].mean(axis=1)
    fine = meshes.fitted_to(mesh, np.linalg.norm(centres - [0, 0.3], axis=1) < 0.2)
    assert len(fine.cells) > len(mesh.cells)
    for axis, sides in zip((0, 1), (("left", "right"), ("bottom", "top")), strict=True):
        if axis in axes:
            one, other = (np.unique(fine.points[fine.facets[fine.named(s)]][..., 1 - axis]) for s in sides)
            np.testing.assert_allclose(one, other, atol=1e-12)
            assert axis or len(one) > 5  # it was cut at all
    Space.on(fine, 3, axes)


def test_the_energy_of_the_highest_degree_tells_the_rate():
    """Twice its exponent, for degree 3: 2^{p+1} where the solution is smooth, 2^{2α} at a corner."""
    for problem, degree, due in (
        (known.poisson_square(), 3, 16),
        (honest.sector("bare", known.sp.pi * 3 / 2, honest.power(known.sp.Rational(2, 3))), 3, 2 ** (4 / 3)),
    ):
        meshes = Meshes(problem.domain, degree)
        meshes.corners = {}
        mesh = meshes.first(0.1)
        found = []
        for finer in (mesh, meshes.finer(mesh, 0.05)):
            found.append(energies(Discretisation(derive(problem), finer, degree).solve())["u"])
        assert expected_shrinkage(*found, degree) == pytest.approx(due, rel=0.15)


class TestBudget:
    @staticmethod
    def solution(size: int) -> DiscreteField:
        return SimpleNamespace(product=SimpleNamespace(size=size), trajectory=None)  # type: ignore

    def test_limits(self):
        budget = Budget(FemOptions(budget_seconds=10, max_dofs=1000), 4)
        assert budget.limit(1, self.solution(200), 0.1) == ""
        assert "10 s" in budget.limit(1, self.solution(200), 5)
        # The second level is waited for: without it there is no error bar.
        assert budget.limit(0, self.solution(200), 5) == ""
        assert "1000 degrees of freedom" in budget.limit(1, self.solution(300), 0.1)

    def test_levels_left(self):
        budget = Budget(FemOptions(budget_seconds=10, max_dofs=100_000), 4)
        assert budget.levels_left(self.solution(1000), 1e-3) == 3
        assert budget.levels_left(self.solution(1000), 1.0) == 1

    def test_room_for_three_levels(self):
        budget = Budget(FemOptions(budget_seconds=1e9, max_dofs=16_000), 4)
        assert budget.room(self.solution(500), 1e-3) == pytest.approx(2)

    def test_the_end_of_time_ends_a_solve(self):
        spent = Budget(FemOptions(budget_seconds=1e-9), 4)
        with pytest.raises(OutOfTime):
            spent.check(2)


@pytest.mark.parametrize(
    ("shrinks", "spent", "given_up"), [(1.5, 3.0, True), (1.5, 1e-3, False), (8.0, 3.0, False)]
)
def test_a_target_out_of_reach_does_not_spend_the_budget(shrinks, spent, given_up):
    """Differences that shrink by 1.5 will not get from 1e-2 to 1e-6 in a minute; none is spent on trying."""
    search = _Refinement(derive(known.poisson_square()), FemOptions(), 1e-6, None)
    search.first = first_mesh(search.solver, search.meshes, 0.25)
    search.solutions = [search.first.solution] * 3
    search.distances = [{"u": np.array([d])} for d in (1e-2 * shrinks, 1e-2)]
    reason = search._hopeless(2, spent)
    assert reason.startswith("from mesh to mesh errors shrink too slowly") == given_up
