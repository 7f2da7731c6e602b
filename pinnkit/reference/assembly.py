"""Weak residuals and their Jacobians on a mesh, by tensor contraction.

For every equation k tested with v, the residual is Σ ∫ (S v − F·∇v) over cells plus ∫ G v over named
boundaries. Shape functions and their products are tabulated once on the reference cell; a Jacobian
is one matrix product of coefficients at quadrature points with those products, scattered into a
sparsity pattern that is found once. Work goes in chunks of cells, so that memory holds the matrix but
never the coefficients of all cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import scipy.sparse as sps

from .curvature import bend, second_chain, tabulate_second
from .elements import Array, tabulate
from .integration import IntegrationSet
from .kernels import Kernel
from .pattern import BlockPattern
from .spaces import SpaceProduct


class _Part:
    """One kernel on one integration set."""

    def __init__(self, kernel: Kernel, domain: IntegrationSet, product: SpaceProduct):
        self.kernel, self.domain, self.product = kernel, domain, product
        mesh = product.mesh
        self._tables = [tabulate(mesh.dimension, s.degree, domain.reference) for s in product.spaces]
        axes = {kernel.symbols.channels[s].axis for s in kernel.channels}
        self._second = max(axes, default=0) > mesh.dimension
        self._bend: Array | None = None
        if self._second:
            self._tables = [
                np.concatenate([t, tabulate_second(mesh.dimension, s.degree, domain.reference)], axis=2)
                for t, s in zip(self._tables, product.spaces, strict=True)
            ]
            if mesh.curved[domain.cells].any():
                self._bend = bend(mesh, domain.cells, domain.reference, domain.inverse)
        self._dofs = [
            s.cell_dofs[domain.cells] + o for s, o in zip(product.spaces, product.offsets[:-1], strict=True)
        ]
        self.pairs = list(dict.fromkeys((e, c.unknown, c.rate) for e, _, c in kernel.entries))

    def channels(self, states: Sequence[Array]) -> list[Array]:
        """Values (…, c, q) of the kernel's channels; ``states[rate]`` holds the coefficients (…, N)."""
        found: dict[tuple[int, int], list[Array]] = {}
        result = []
        for symbol in self.kernel.channels:
            channel = self.kernel.symbols.channels[symbol]
            key = (channel.unknown, channel.rate)
            if key not in found:
                found[key] = self._field(channel.unknown, states[channel.rate])
            result.append(found[key][channel.axis])
        return result

    def _field(self, unknown: int, state: Array) -> list[Array]:
        table = self._tables[unknown]
        local = state[..., self._dofs[unknown]]
        columns = [local @ table[..., c] for c in range(table.shape[2])]
        axes = range(1, table.shape[2])
        return [columns[0], *(sum(columns[c] * factor for c, factor in self._chain(a)) for a in axes)]

    def _chain(self, axis: int) -> list[tuple[int, Array]]:
        """A derivative in space by those on the reference cell: (column of the tables, factor)."""
        inverse, d = self.domain.inverse, self.product.mesh.dimension
        if axis <= d:
            return [(1 + r, inverse[..., r, axis - 1]) for r in range(d)]
        pair = axis - 1 - d
        terms = [(1 + d + k, factor) for k, factor in enumerate(second_chain(inverse, pair))]
        if self._bend is not None:
            terms += [(1 + r, self._bend[..., r, pair]) for r in range(d)]
        return terms

    def residual(self, time: Array | float, states: Sequence[Array]) -> list[tuple[int, Array]]:
        """(equation, contributions (…, c, shapes)) of ∫ S v − F·∇v."""
        channels = self.channels(states)
        domain = self.domain
        rows = self.kernel.values(domain.points, time, domain.normals, channels, domain.inverse)
        by_equation: dict[int, dict[int, Array]] = {}
        for (equation, row), value in zip(self.kernel.rows, rows, strict=True):
            by_equation.setdefault(equation, {})[row] = value * self.domain.weights
        result = []
        for equation, values in by_equation.items():
            table = self._tables[equation]
            total = 0.0
            if 0 in values:
                total = values[0] @ table[..., 0].T
            for r in range(self.product.mesh.dimension):
                pushed = sum(v * self.domain.inverse[..., r, row - 1] for row, v in values.items() if row)
                if not isinstance(pushed, int):
                    total = total + pushed @ table[..., 1 + r].T
            result.append((equation, total))
        return result

    def jacobian(self, time: float, states: Sequence[Array]) -> dict[tuple[int, int, int], Array]:
        """(equation, unknown, rate) → local matrices (c, shapes, shapes)."""
        domain = self.domain
        values = self.kernel.derivatives(
            domain.points, time, domain.normals, self.channels(states), domain.inverse
        )
        blocks: dict[tuple[int, int, int], dict[tuple[int, int], Array]] = {}
        for (equation, row, channel), value in zip(self.kernel.entries, values, strict=True):
            key = (equation, channel.unknown, channel.rate)
            blocks.setdefault(key, {})[row, channel.axis] = value * self.domain.weights
        return {key: self._contract(key[0], key[1], entries) for key, entries in blocks.items()}

    def _contract(self, test: int, trial: int, entries: dict[tuple[int, int], Array]) -> Array:
        """Σ over points of coefficient × (row of v) × (axis of u), on the reference cell."""
        reference = self._pull_back(entries)
        left, right = self._tables[test], self._tables[trial]
        shape = (left.shape[0], right.shape[0])
        coefficients = np.concatenate(list(reference.values()), axis=1)
        products = np.concatenate(
            [
                np.einsum("tq,sq->qts", left[..., row], right[..., axis]).reshape(-1, shape[0] * shape[1])
                for row, axis in reference
            ]
        )
        return (coefficients @ products).reshape(-1, *shape)

    def _pull_back(self, entries: dict[tuple[int, int], Array]) -> dict[tuple[int, int], Array]:
        """Coefficients of physical derivatives turned into coefficients of reference derivatives."""
        half: dict[tuple[int, int], Array] = {}
        for (row, axis), value in entries.items():
            targets = [(0, value)] if row == 0 else [(c, value * factor) for c, factor in self._chain(row)]
            for new, term in targets:
                half[new, axis] = half[new, axis] + term if (new, axis) in half else term
        full: dict[tuple[int, int], Array] = {}
        for (row, axis), value in half.items():
            targets = [(0, value)] if axis == 0 else [(c, value * factor) for c, factor in self._chain(axis)]
            for new, term in targets:
                full[row, new] = full[row, new] + term if (row, new) in full else term
        return full


def sampled(
    kernel: Kernel, domain: IntegrationSet, product: SpaceProduct, time: float, states: Sequence[Array]
) -> list[Array]:
    """The rows of a kernel (c, q) at the quadrature points of a domain."""
    channels = _Part(kernel, domain, product).channels(states)
    return kernel.values(domain.points, time, domain.normals, channels, domain.inverse)


class Assembler:
    """The residual R(t, u, u̇, ü) of a system and its derivatives by u, u̇ and ü, as CSR matrices."""

    def __init__(self, product: SpaceProduct, parts: Sequence[tuple[Kernel, IntegrationSet]]):
        self.product = product
        self._parts = [
            _Part(kernel, chunk, product) for kernel, domain in parts for chunk in domain.chunks()
        ]
        self.rates = sorted({rate for p in self._parts for *_, rate in p.pairs} | {0})

    @property
    def size(self) -> int:
        """Number of degrees of freedom."""
        return self.product.size

    @cached_property
    def constant_jacobian(self) -> bool:
        """Whether the derivatives depend on neither state nor time."""
        return all(p.kernel.linear and p.kernel.steady for p in self._parts)

    @cached_property
    def linear(self) -> bool:
        """Whether the derivatives do not depend on the state."""
        return all(p.kernel.linear for p in self._parts)

    @cached_property
    def _constant_load(self) -> bool:
        return all(p.kernel.steady_load for p in self._parts)

    def _zero_states(self) -> tuple[Array, ...]:
        return (np.zeros(self.size),) * (max(self.rates) + 1)

    @cached_property
    def _matrices(self) -> dict[int, sps.csr_matrix]:
        return self._assemble_jacobian(0.0, self._zero_states())

    @cached_property
    def _load(self) -> Array:
        return self._assemble_residual(0.0, self._zero_states())

    def residual(self, time: float, states: Sequence[Array]) -> Array:
        """R (N,) at ``states`` = (u, u̇, ü), as many as occur."""
        if not self.constant_jacobian:
            return self._assemble_residual(time, states)
        total = (
            self._load if self._constant_load else self._assemble_residual(time, self._zero_states())
        ).copy()
        for rate, matrix in self._matrices.items():
            total += matrix @ states[rate]
        return total

    def jacobian(self, time: float, states: Sequence[Array]) -> dict[int, sps.csr_matrix]:
        """rate → ∂R/∂(∂ₜ^rate u), all with one sparsity pattern."""
        return self._matrices if self.constant_jacobian else self._assemble_jacobian(time, states)

    def _assemble_residual(self, time: float, states: Sequence[Array]) -> Array:
        total = np.zeros(self.size)
        for part in self._parts:
            for equation, local in part.residual(time, states):
                total += np.bincount(part._dofs[equation].ravel(), local.ravel(), minlength=self.size)
        return total

    @cached_property
    def _pattern(self) -> BlockPattern:
        return BlockPattern(self.product, (pair[:2] for part in self._parts for pair in part.pairs))

    def _assemble_jacobian(self, time: float, states: Sequence[Array]) -> dict[int, sps.csr_matrix]:
        pattern = self._pattern
        sums: dict[int, dict[tuple[int, int], Array]] = {rate: {} for rate in self.rates}
        for part in self._parts:
            for (equation, unknown, rate), local in part.jacobian(time, states).items():
                pair = pattern[equation, unknown]
                added = np.bincount(pair.slots[part.domain.cells].ravel(), local.ravel(), pair.size)
                own = sums[rate]
                if (equation, unknown) in own:
                    own[equation, unknown] += added
                else:
                    own[equation, unknown] = added
        return {rate: pattern.matrix(values) for rate, values in sums.items()}
