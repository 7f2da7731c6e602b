"""The domain of the XPINN paper's Poisson problem, whose boundary is r = 1.5 + 0.14 sin 4θ + 0.12 cos 6θ
+ 0.09 cos 5θ about (0.02, 0): a polygon with vertices on it.
"""

import numpy as np
import sympy as sp

import pinnkit as pk

VERTICES = 180

angle = np.linspace(0, 2 * np.pi, VERTICES, endpoint=False)
radius = 1.5 + 0.14 * np.sin(4 * angle) + 0.12 * np.cos(6 * angle) + 0.09 * np.cos(5 * angle)
x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
exact = sp.exp(x) + sp.exp(y)

problem = pk.Problem(
    name="xpinn_poisson",
    domain=pk.Polygon(np.stack([0.02 + radius * np.cos(angle), radius * np.sin(angle)], axis=1).tolist()),
    equations=[sp.Eq(pk.laplacian(u), exact)],
    conditions=[pk.Dirichlet(u, exact, where="boundary")],
    exact={u: exact},
)
