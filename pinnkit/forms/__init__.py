"""Forms derived from a declaration: strong, flux, weak, classification, and their compilation to arrays."""

from .classify import Classification, classify
from .emit import emit
from .errors import FormUnavailable
from .evolution import ConservationForm, EvolutionForm, conservation_form, evolution_form
from .flux import FluxForm, equation_flux, flux_form
from .jets import Jet, Jets, jet_symbol
from .show import show
from .strong import StrongForm, condition_residual, strong_form
from .weak import WeakForm, linearise, weak_form

__all__ = [
    "Classification", "ConservationForm", "EvolutionForm", "FluxForm", "FormUnavailable", "Jet", "Jets",
    "StrongForm", "WeakForm", "classify", "condition_residual", "conservation_form", "emit",
    "equation_flux", "evolution_form", "flux_form", "jet_symbol", "linearise", "show", "strong_form",
    "weak_form",
]  # fmt: skip
