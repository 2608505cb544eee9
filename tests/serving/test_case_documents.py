"""A case that is sent: held against the contract, without protected characteristics, for a day that has records."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from features.contract import CASE_TABLES, TABLES
from serving.auth import ROLES
from serving.schemas.case_document import ROWS, CaseTables
from serving.settings import Settings
from tests.serving.conftest import ISSUER, KeyServer, running

SECRET = "secret-value"
PERSON = {"date_of_birth": "1990-05-17", "sex": "MALE", "region": "A", "pdu": "A01", "known_on": "2026-01-05"}


@pytest.fixture(scope="module")
def api(key_server: KeyServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """An empty store, by rules alone."""
    store: Path = tmp_path_factory.mktemp("documents") / "store.db"
    settings = Settings(
        database_url=f"sqlite:///{store}",
        auth_jwks_url=key_server.url,
        auth_issuer=ISSUER,
        log_level="ERROR",
    )
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES)}"}
    with (
        running(settings) as address,
        httpx.Client(base_url=address, headers=headers, timeout=30) as client,
    ):
        yield client


def test_the_models_are_the_contract() -> None:
    assert set(CaseTables.model_fields) == set(CASE_TABLES)
    for name, model in ROWS.items():
        assert tuple(model.model_fields) == TABLES[name].names


PEOPLE: list[tuple[dict[str, Any], str]] = [
    ({"favourite_colour": SECRET}, "VALIDATION_FAILED"),
    ({"race": SECRET}, "PROTECTED_CHARACTERISTIC_NOT_ACCEPTED"),
    ({"Gender": SECRET}, "PROTECTED_CHARACTERISTIC_NOT_ACCEPTED"),
    ({"ETHNICITY": SECRET}, "PROTECTED_CHARACTERISTIC_NOT_ACCEPTED"),
    ({"sexual-orientation": SECRET}, "PROTECTED_CHARACTERISTIC_NOT_ACCEPTED"),
    ({"care_experienced": True}, "PROTECTED_CHARACTERISTIC_NOT_ACCEPTED"),
    ({"careExperienced": True}, "PROTECTED_CHARACTERISTIC_NOT_ACCEPTED"),
    ({"sex": SECRET}, "VALIDATION_FAILED"),
    ({"date_of_birth": "secret-value"}, "VALIDATION_FAILED"),
    ({"date_of_birth": "0001-01-01"}, "VALIDATION_FAILED"),
    ({"date_of_birth": 641779200}, "VALIDATION_FAILED"),
    ({"date_of_birth": "1990-05-17T00:00:00"}, "VALIDATION_FAILED"),
    ({"practitioner": 7}, "VALIDATION_FAILED"),
    ({"practitioner": "x" * 241}, "VALIDATION_FAILED"),
    ({"needs_interpreter": "MAYBE"}, "VALIDATION_FAILED"),
    ({"excluded_users": SECRET}, "VALIDATION_FAILED"),
    ({"crn": "Z999999"}, "UNUSABLE_CASE"),
]
TABLE_ROWS: list[tuple[str, dict[str, Any]]] = [
    ("assessments", {"q2_6": 3}),
    ("assessments", {"q2_6": "1"}),
    ("assessments", {"rsr": 101}),
    ("assessments", {"layer": 2}),
    ("sentences", {"rar_days": 10**12}),
    ("sentences", {"offence_types": ["SECRET_VALUE"]}),
    ("sentences", {"offence_group": "12"}),
    ("no_such_table", {}),
]


@pytest.mark.parametrize(("columns", "code"), PEOPLE)
def test_a_row_of_people_is_held_against_the_contract(
    api: httpx.Client, columns: dict[str, Any], code: str
) -> None:
    document = {"crn": "X123456", "people": [{**PERSON, **columns}]}
    event = {
        "eventType": "probation-case.engagement.created",
        "additionalInformation": {"records": {"people": document["people"]}},
        "personReference": {"identifiers": [{"type": "CRN", "value": "X123456"}]},
    }
    for answer in (
        api.post("/v1/suggestions", json=document),
        api.put("/v1/cases/X123456", json=document),
        api.post("/v1/events", json=event),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errorCode"] == code
        assert SECRET not in answer.text


@pytest.mark.parametrize(("table", "columns"), TABLE_ROWS)
def test_codes_bounds_and_patterns_of_every_table_hold(
    api: httpx.Client, table: str, columns: dict[str, Any]
) -> None:
    document = {"crn": "X123456", table: [columns]}
    for answer in (api.post("/v1/suggestions", json=document), api.put("/v1/cases/X123456", json=document)):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errorCode"] == "VALIDATION_FAILED"


@pytest.mark.parametrize("crn", ["", "x123456", "X12345", "X1234567", "X12345é", None, 5])
def test_a_malformed_crn_is_refused(api: httpx.Client, crn: object) -> None:
    answer = api.post("/v1/suggestions", json={"crn": crn, "people": [PERSON]})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["body.crn"]


def test_what_is_protected_is_kept_apart_and_only_there(api: httpx.Client) -> None:
    apart = {"ethnicity": "W1", "care_experienced": True, "known_on": "2026-01-05"}
    for sent in (apart, [apart]):
        answer = api.put("/v1/cases/X000009", json={"people": [PERSON], "protected": sent})
        assert answer.status_code == 200, answer.text
    wrong = api.put("/v1/cases/X000009", json={"people": [PERSON], "protected": {"shoe_size": 9}})
    assert wrong.status_code == 422
    held = api.get("/subject-access-request", params={"crn": "X000009"}).json()["content"]
    assert held["protectedCharacteristics"] == apart
    assert b"W1" not in orjson.dumps(held["records"])


def test_a_day_without_records_is_refused(api: httpx.Client) -> None:
    put = api.put("/v1/cases/X000001", json={"people": [PERSON]})
    assert put.status_code == 200
    from datetime import UTC, datetime

    today = datetime.now(UTC).date()
    days = [
        ("1950-01-01", 422),
        ("2099-01-01", 422),
        ((today + timedelta(days=3)).isoformat(), 422),
        (today.isoformat(), 200),
        ("2026-02-01", 200),
    ]
    for day, status in days:
        for answer in (
            api.get("/v1/people/X000001/suggestions", params={"asOf": day}),
            api.post("/v1/suggestions", params={"asOf": day}, json={"crn": "X000001", "people": [PERSON]}),
        ):
            assert answer.status_code == status, (day, answer.text)
            if status == 422:
                assert answer.json()["errorCode"] == "DAY_OUT_OF_RANGE"
                assert day not in answer.text


def test_no_row_of_protected_characteristics_is_none(api: httpx.Client) -> None:
    """The description lets the list be empty, so that nothing is said apart."""
    answer = api.put("/v1/cases/X765432", json={"people": [], "protected": []})
    assert answer.status_code == 200, answer.text
