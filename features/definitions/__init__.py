"""The features that Signpost uses, one file a subject; each is a declaration and its reason."""

from __future__ import annotations

from features.definitions.assessments import ASSESSMENTS
from features.definitions.delivery import REFERRAL_EVENTS, REFERRALS, SESSIONS
from features.definitions.inflight import INFLIGHT_FEATURES
from features.definitions.people import DECISIONS, PEOPLE
from features.definitions.sentences import REQUIREMENTS, SENTENCES
from features.definitions.supervision import CIRCUMSTANCES, CONTACTS, ENFORCEMENT, REOFFENCES
from features.spec import FeatureSpec

SPEC = FeatureSpec(
    (
        *ASSESSMENTS,
        *SENTENCES,
        *REQUIREMENTS,
        *CIRCUMSTANCES,
        *CONTACTS,
        *REFERRALS,
        *REFERRAL_EVENTS,
        *SESSIONS,
        *ENFORCEMENT,
        *REOFFENCES,
        *PEOPLE,
        *DECISIONS,
    )
)
"""The features of a person at an as-of day: commence, complete and benefit are made of them."""

INFLIGHT = FeatureSpec(INFLIGHT_FEATURES)
"""The features of an open referral at a landmark; points name the referral."""

__all__ = ["INFLIGHT", "SPEC"]
