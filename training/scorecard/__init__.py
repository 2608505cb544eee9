"""How likely is it, by a sum of tables that can be read? Scorecards fitted on any data frame."""

from training.scorecard.estimators import ScorecardClassifier, ScorecardRegressor

__all__ = ["ScorecardClassifier", "ScorecardRegressor"]
