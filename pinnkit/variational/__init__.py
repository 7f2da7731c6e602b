"""What variational solvers share: test functions, cells with quadrature, one contraction, Gram norms."""
