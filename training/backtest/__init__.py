"""Would the models have been right, at every date, by what was known then?"""

from training.backtest.run import BacktestResult, backtest

__all__ = ["BacktestResult", "backtest"]
