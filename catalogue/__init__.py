"""Interventions, their criteria, and who is eligible: the ground floor, which knows nothing of models."""

from catalogue.eligibility import Eligibility, Status, evaluate
from catalogue.errors import UsageError
from catalogue.intervention import Intervention, InterventionType
from catalogue.loading import Catalogue, load
from catalogue.plan import Outcome, Reason

__all__ = [
    "Catalogue",
    "Eligibility",
    "Intervention",
    "InterventionType",
    "Outcome",
    "Reason",
    "Status",
    "UsageError",
    "evaluate",
    "load",
]
