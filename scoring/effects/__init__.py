"""The benefit model as served: how much each intervention changes the chance of progress, and how surely."""

from scoring.effects.model import SUPPORTS, Columns, EffectArrays, EffectModel, Explained
from scoring.effects.parts import LOG_SHARES, Arm, Moderation, Modifier

__all__ = [
    "LOG_SHARES",
    "SUPPORTS",
    "Arm",
    "Columns",
    "EffectArrays",
    "EffectModel",
    "Explained",
    "Moderation",
    "Modifier",
]
