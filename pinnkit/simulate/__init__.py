"""Differentiable simulators generated from a declaration: spatial back-ends, time integration, inversion."""
