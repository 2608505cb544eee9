"""A referral screen's walk with the generated client: suggestions, a decision, the account, and a refusal.

`python walk.py '{"address": …, "token": …, "crn": …, "key": …}'` prints what came back.
"""

import json
import sys
from datetime import date
from uuid import UUID

from signpost_client import AuthenticatedClient
from signpost_client.api.decisions import record_decision
from signpost_client.api.people import get_account
from signpost_client.api.suggestions import get_suggestions, suggest_for_case
from signpost_client.models import (
    AccountAnswer,
    Action,
    DecisionAnswer,
    DecisionQuestion,
    ErrorAnswer,
    PeopleRow,
    PeopleRowSexType0,
    SentCase,
    SuggestionSetAnswer,
)

given = json.loads(sys.argv[1])
client = AuthenticatedClient(base_url=given["address"], token=given["token"])

shown = get_suggestions.sync(given["crn"], client=client)
assert isinstance(shown, SuggestionSetAnswer)
question = DecisionQuestion(
    action=Action.NONE_CHOSEN, reason_code="NOT_READY_YET", own_words="From a generated client."
)
first, again = (
    record_decision.sync(UUID(shown.id), client=client, body=question, idempotency_key=given["key"])
    for _ in range(2)
)
assert isinstance(first, DecisionAnswer)
assert isinstance(again, DecisionAnswer)
account = get_account.sync(given["crn"], client=client)
assert isinstance(account, AccountAnswer)
person = PeopleRow(sex=PeopleRowSexType0.MALE, known_on=date(2026, 1, 5))
sent = suggest_for_case.sync(client=client, body=SentCase(crn=given["crn"], people=[person]))
assert isinstance(sent, SuggestionSetAnswer)
nobody = get_suggestions.sync_detailed("Q999999", client=client)
assert isinstance(nobody.parsed, ErrorAnswer)
question.reason_code = "NO_SUCH_REASON"
wrong = record_decision.sync_detailed(UUID(shown.id), client=client, body=question)
assert isinstance(wrong.parsed, ErrorAnswer)

print(
    json.dumps(
        {
            "setId": shown.id,
            "advice": [
                f"{item.intervention_id} {item.advice} {item.eligibility}" for item in shown.suggestions
            ],
            "decisionId": first.id,
            "sameAgain": first.id == again.id,
            "accountTitles": [section.title for section in account.sections],
            "sentRuleOnly": sent.rule_only,
            "refusal": [nobody.status_code.value, nobody.parsed.error_code],
            "wrong": [wrong.status_code.value, [error.field for error in wrong.parsed.errors or []]],
        }
    )
)
