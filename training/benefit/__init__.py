"""How much does each intervention change the outcome, for whom, and how sure is that?"""

from training.benefit.model import BenefitModel

__all__ = ["BenefitModel"]
