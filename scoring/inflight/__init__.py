"""Open referrals: who is drifting towards not completing, what changed lately, which check is due.

`landmarks` names what is read of a referral on a day; `from_cases` reads it of a few cases, `from_histories` of many
people; `judging` and `prompts` are the rules, over columns of either.
"""
