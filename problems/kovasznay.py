"""Flow behind a grid (Kovasznay 1948), as in kovasznay.yaml, declared in Python."""

import sympy as sp

import pinnkit as pk

x, y = pk.coordinates("x y")
velocity = pk.vector("velocity", x, y, components="u v")
p = pk.unknown("p", x, y)
Re = pk.parameter("Re", 40)

decay = Re / 2 - sp.sqrt(Re**2 / 4 + 4 * sp.pi**2)
velocity_exact = sp.Matrix([
    1 - sp.exp(decay * x) * sp.cos(2 * sp.pi * y),
    decay / (2 * sp.pi) * sp.exp(decay * x) * sp.sin(2 * sp.pi * y),
])  # fmt: skip
p_exact = (1 - sp.exp(2 * x * decay)) / 2

problem = pk.Problem(
    name="kovasznay",
    domain=pk.Rectangle((-0.5, -0.5), (1, 1.5)),
    equations={
        "momentum": sp.Eq(
            pk.material_derivative(velocity, velocity), -pk.grad(p) + pk.laplacian(velocity) / Re
        ),
        "continuity": sp.Eq(pk.div(velocity), 0),
    },
    conditions=[
        pk.Dirichlet(velocity, velocity_exact),
        pk.PointValue(p, (1 - sp.exp(-decay)) / 2, at=(-0.5, -0.5)),
    ],
    exact={velocity: velocity_exact, p: p_exact},
    unknowns=[velocity, p],
)
