"""Marching in time with a layer of Gaussian features: the parts of the solver ``march``."""
