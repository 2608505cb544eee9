"""Will this person start, and finish, this intervention? The two heads about referrals, fitted and judged."""

from training.heads.head import FittedHead, HeadRows, fit_head

__all__ = ["FittedHead", "HeadRows", "fit_head"]
