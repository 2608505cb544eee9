"""The audit: is everybody treated alike, how sure is that, and may the release be served?

`relative_rate`, `audit_rates` and `audit_scores` work on any data. `fairness.audit.run` writes the
equality report of a release. The heavy libraries are imported when a function needs them.
"""

from typing import TYPE_CHECKING, Any

from fairness.statistics import RelativeRate, relative_rate

if TYPE_CHECKING:
    from fairness.general import Audit, audit_rates, audit_scores

__all__ = [
    "Audit",
    "RelativeRate",
    "audit_rates",
    "audit_scores",
    "relative_rate",
]


def __getattr__(name: str) -> Any:
    if name in {"Audit", "audit_rates", "audit_scores"}:
        from fairness import general

        return getattr(general, name)
    raise AttributeError(f"module 'fairness' has no attribute {name!r}")
