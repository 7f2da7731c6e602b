"""Forms derived from a declaration: strong, flux, weak, classification, and their compilation to arrays."""

from .emit import emit
from .errors import FormUnavailable
from .flux import FluxForm, equation_flux, flux_form
from .jets import Jet, Jets, jet_symbol
from .strong import StrongForm, condition_residual, strong_form
from .weak import WeakForm, linearise, weak_form

__all__ = [
    "FluxForm", "FormUnavailable", "Jet", "Jets", "StrongForm", "WeakForm",
    "condition_residual", "emit", "equation_flux", "flux_form", "jet_symbol", "linearise", "strong_form",
    "weak_form",
]  # fmt: skip
