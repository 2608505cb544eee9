"""Given how it goes so far, will this referral end without completion? The in-flight model, head and flag."""

from training.inflight.model import CENSORED, FAILED, FINISHED, OPEN, InFlightModel, LandmarkRows

__all__ = ["CENSORED", "FAILED", "FINISHED", "OPEN", "InFlightModel", "LandmarkRows"]
