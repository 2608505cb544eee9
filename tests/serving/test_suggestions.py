"""Suggestions and decisions over the wire, as a referral screen asks for them."""

import gzip
import uuid

import httpx
import pytest

from catalogue import load
from serving.schemas.suggestions import SuggestionSetAnswer, SuggestionSetInFull
from serving.settings import Settings
from tests.serving.conftest import KeyServer, running


def test_every_intervention_is_spoken_of_with_reasons_and_exact_terms(
    api: httpx.Client, someone: str
) -> None:
    answer = api.get(f"/v1/people/{someone}/suggestions", params={"detail": "terms"})
    assert answer.status_code == 200, answer.text
    found = SuggestionSetInFull.model_validate_json(answer.content)
    assert {item.intervention_id for item in found.suggestions} == {item.id for item in load().interventions}
    assert not found.rule_only
    ranks = [item.rank for item in found.suggestions if item.rank is not None]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))
    for item in found.suggestions:
        assert item.reasons
        assert (item.rank is None) or item.eligibility == "ELIGIBLE"
        if item.effect is not None:
            assert sum(item.effect.terms.values()) + item.effect.intercept == pytest.approx(
                item.effect.effect, abs=1e-9
            )
    assert any(item.p_commence is not None for item in found.suggestions)


def test_the_same_question_gives_the_same_set(api: httpx.Client, someone: str) -> None:
    first = api.get(f"/v1/people/{someone}/suggestions")
    second = api.get(f"/v1/people/{someone}/suggestions")
    assert first.content == second.content


QUESTIONS: list[tuple[str, str, int]] = [
    ("{crn}", "", 200),
    ("{crn}", "asOf=2025-06-30", 200),
    ("{crn}", "setting=CUSTODY", 200),
    ("{crn}", "asOf=2025-06-30&setting=REMAND&detail=terms", 200),
    ("X12345", "", 422),
    ("X1234567", "", 422),
    ("x123456", "", 422),
    ("X123456%0A", "", 422),
    ("{crn}", "asOf=2025-6-30", 422),
    ("{crn}", "asOf=20250630", 422),
    ("{crn}", "asOf=2025-02-30", 422),
    ("{crn}", "asOf=9999-12-31", 422),
    ("{crn}", "asOf=1999-12-31", 422),
    ("{crn}", "asOf=", 422),
    ("{crn}", "setting=HOME", 422),
    ("{crn}", "setting=", 422),
    ("{crn}", "detail=everything", 422),
    ("Z999999", "", 404),
]


def test_questions_by_table(api: httpx.Client, someone: str) -> None:
    for path, query, status in QUESTIONS:
        answer = api.get(f"/v1/people/{path.format(crn=someone)}/suggestions?{query}")
        assert answer.status_code == status, (path, query)


def test_the_lean_answer_says_what_the_whole_one_says_in_a_fraction_of_its_size(
    api: httpx.Client, someone: str
) -> None:
    path = f"/v1/people/{someone}/suggestions"
    sent, whole = api.get(path), api.get(path, params={"detail": "terms"}).json()
    answer = sent.json()
    SuggestionSetAnswer.model_validate_json(sent.content)
    assert len(sent.content) < 40_000
    assert answer["id"] == whole["id"]
    sentences = answer["sentences"]
    assert len({tuple(sorted(sentence.items())) for sentence in sentences}) == len(sentences)
    for item, full in zip(answer["suggestions"], whole["suggestions"], strict=True):
        for name in ("interventionId", "name", "type", "rank", "advice", "eligibility", "missing"):
            assert item[name] == full[name]
        said = [sentences[place] for place in item.get("explanation", ())]
        rules = [sentences[place] for place in item.get("reasons", ())]
        if full["eligibility"] == "ELIGIBLE":
            assert [(line["code"], line["text"], line.get("on")) for line in said] == [
                (line["code"], line["text"], line["on"]) for line in full["explanation"]
            ]
        shown = full["rank"] is not None or full["advice"] == "COMPARABLE"
        assert [(rule["code"], rule["text"], rule["outcome"]) for rule in rules] == [
            (rule["code"], rule["text"], rule["outcome"])
            for rule in full["reasons"]
            if shown or (rule["kind"] == "RULE" and rule["outcome"] != "MET")
        ]
        for name in ("pCommence", "pComplete", "effect"):
            assert (name in item) == (shown and full[name] is not None)
            if name in item:
                assert item[name]["lower"] == pytest.approx(full[name]["lower"], abs=0.0005)
                assert "terms" not in item[name]


def test_whoever_takes_gzip_gets_the_same_answer_packed(api: httpx.Client, someone: str) -> None:
    found = {}
    for accepted in ("identity", "gzip"):
        headers = {"Accept-Encoding": accepted}
        with api.stream("GET", f"/v1/people/{someone}/suggestions", headers=headers) as answer:
            sent = b"".join(answer.iter_raw())
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers.get("content-encoding", "identity") == accepted
        found[accepted] = gzip.decompress(sent) if accepted == "gzip" else sent
    assert found["gzip"] == found["identity"]


def test_a_day_in_the_past_is_another_question(api: httpx.Client, someone: str) -> None:
    now = api.get(f"/v1/people/{someone}/suggestions").json()
    then = api.get(f"/v1/people/{someone}/suggestions", params={"asOf": "2023-01-01"}).json()
    assert then["asOf"] == "2023-01-01"
    assert then["id"] != now["id"]


def test_nobody_is_404_and_a_wrong_number_422_without_the_number(api: httpx.Client) -> None:
    assert api.get("/v1/people/Q999999/suggestions").status_code == 404
    wrong = api.get("/v1/people/q99-secret/suggestions")
    assert wrong.status_code == 422
    assert wrong.json()["errorCode"] == "VALIDATION_FAILED"
    assert "secret" not in wrong.text


def _suggested(api: httpx.Client, crn: str) -> tuple[str, list[str], list[str]]:
    document = api.get(f"/v1/people/{crn}/suggestions").json()
    ranked = [item["interventionId"] for item in document["suggestions"] if item["rank"] is not None]
    others = [item["interventionId"] for item in document["suggestions"] if item["rank"] is None]
    return document["id"], ranked, others


def test_a_decision_is_recorded_once_and_found_again_after_a_restart(
    settings: Settings, key_server: KeyServer, someone: str
) -> None:
    from serving.auth import ROLES

    headers = {"Authorization": f"Bearer {key_server.token(*ROLES, user='ANNE')}"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    with running(settings) as address, httpx.Client(base_url=address, headers=headers) as api:
        set_id, ranked, _ = _suggested(api, someone)
        body = (
            {"action": "ACCEPTED", "interventionId": ranked[0], "reasonCode": "MEETS_MAIN_NEED"}
            if ranked
            else {"action": "NONE_CHOSEN", "reasonCode": "NOT_READY_YET"}
        )
        first = api.post(f"/v1/suggestion-sets/{set_id}/decision", json=body, headers=key)
        again = api.post(f"/v1/suggestion-sets/{set_id}/decision", json=body, headers=key)
        assert first.status_code == again.status_code == 201, first.text
        assert first.json() == again.json()
        assert again.headers["Idempotency-Replayed"] == "true"
        other = api.post(
            f"/v1/suggestion-sets/{set_id}/decision",
            json={"action": "NONE_CHOSEN", "reasonCode": "STABILISE_FIRST"},
            headers=key,
        )
        assert other.status_code == 422
        assert other.json()["errorCode"] == "IDEMPOTENCY_KEY_REUSED"
    with running(settings) as address, httpx.Client(base_url=address, headers=headers) as api:
        account = api.get(f"/v1/people/{someone}/account").json()
        decided = next(part for part in account["sections"] if part["title"] == "What was decided")
        assert len(decided["sentences"]) == 1
        assert "ANNE" in decided["sentences"][0]
        replay = api.post(f"/v1/suggestion-sets/{set_id}/decision", json=body, headers=key)
        assert replay.json() == first.json()


DECISIONS = [
    ({"action": "DEPARTED", "interventionId": "OTHER", "reasonCode": "RESPONSIVITY"}, 201, None),
    ({"action": "NONE_CHOSEN", "reasonCode": "NOT_READY_YET", "ownWords": "Not yet."}, 201, None),
    ({"action": "NONE_CHOSEN", "reasonCode": "OTHER"}, 422, "VALIDATION_FAILED"),
    ({"action": "ACCEPTED", "interventionId": "OTHER", "reasonCode": "MEETS_MAIN_NEED"}, 422, "INTERVENTION_NOT_SUGGESTED"),
    ({"action": "DEPARTED", "interventionId": "not-one", "reasonCode": "RESPONSIVITY"}, 422, "INTERVENTION_NOT_IN_SET"),
    ({"action": "DEPARTED", "reasonCode": "RESPONSIVITY"}, 422, "VALIDATION_FAILED"),
    ({"action": "ACCEPTED", "interventionId": "OTHER"}, 422, "VALIDATION_FAILED"),
    ({"action": "MAYBE", "reasonCode": "OTHER"}, 422, "VALIDATION_FAILED"),
]  # fmt: skip


def test_decisions_by_table(api: httpx.Client, someone: str) -> None:
    set_id, _, others = _suggested(api, someone)
    for body, status, code in DECISIONS:
        sent = {**body, **({"interventionId": others[0]} if body.get("interventionId") == "OTHER" else {})}
        answer = api.post(f"/v1/suggestion-sets/{set_id}/decision", json=sent)
        assert answer.status_code == status, (body, answer.text)
        assert code is None or answer.json()["errorCode"] == code
    missing = api.post(
        f"/v1/suggestion-sets/{uuid.uuid4()}/decision",
        json={"action": "NONE_CHOSEN", "reasonCode": "NOT_READY_YET"},
    )
    assert missing.status_code == 404


def test_protected_characteristics_are_refused_wherever_they_stand(api: httpx.Client) -> None:
    bodies = [
        {"crn": "X123456", "protected": []},
        {"crn": "X123456", "people": [{"sex": "MALE", "religion": "NONE"}]},
        {"crn": "X123456", "tables": {"people": [{"sexualOrientation": "ANY"}]}},
    ]
    for body in bodies:
        answer = api.post("/v1/suggestions", json=body)
        assert answer.status_code == 422
        assert answer.json()["errorCode"] == "PROTECTED_CHARACTERISTIC_NOT_ACCEPTED"


def test_a_case_in_the_body_is_answered_as_the_same_case_in_the_store(
    api: httpx.Client, someone: str, settings: Settings
) -> None:
    import orjson

    from serving.store import cases
    from serving.store.database import Database

    database = Database(settings.database_url)
    with database.scoring() as connection:
        case = cases.find(connection, someone)
    database.close()
    assert case is not None
    for detail in ({}, {"detail": "terms"}):
        sent = api.post("/v1/suggestions", json=orjson.loads(case.document), params=detail).json()
        kept = api.get(f"/v1/people/{someone}/suggestions", params=detail).json()
        assert sent["suggestions"] == kept["suggestions"]
    assert sent["crn"] is None
