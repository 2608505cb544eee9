"""Drift of inputs against the bundle's training profile: the same figure as training's, told when there are enough rows."""

import re
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from features import live
from features.case import Case
from scoring.bundle import Bundle
from serving import drift
from serving.auth import ROLES
from serving.drift import Drift
from serving.settings import Settings
from serving.store import cases
from serving.store.database import Database
from tests.serving.conftest import KeyServer, running


def test_a_caseload_of_another_kind_is_seen_to_have_moved(filled: Any, trained_bundle: Any) -> None:
    bundle = Bundle.open(trained_bundle)
    database = Database(f"sqlite:///{filled}")
    with database.read() as connection:
        lines, _ = cases.page(connection, size=120)
        people = [found.read() for line in lines if (found := cases.find(connection, line.crn)) is not None]
        known = cases.last_known(connection)
    database.close()
    assert known is not None

    def indices(as_of: date) -> dict[str, float]:
        watch = Drift()
        for person in people:
            for _ in range(drift.ONE_OF):
                watch.offer(live.evaluate(person, as_of=as_of).values)
            watch.settle(bundle)
        assert watch.rows == len(people)
        return {reading.feature: reading.index for reading in watch.readings() if reading.head == "commence"}

    # Years later nothing has been recorded for long: what counts the days since has moved far.
    now, later = indices(known), indices(known + timedelta(days=1500))
    assert set(now) == set(later) <= set(bundle.commence.profile)
    most = max(later, key=lambda feature: later[feature])
    assert later[most] > max(0.25, now[most])
    assert set(now) <= set(live.evaluate(people[0], as_of=known).values) & bundle.reads


def test_too_few_rows_say_nothing_and_a_new_bundle_begins_anew(trained_bundle: Any) -> None:
    bundle = Bundle.open(trained_bundle)
    watch = Drift()
    person = Case.from_document({"crn": "X000001", "people": [{"sex": "MALE", "known_on": "2024-01-01"}]})
    for _ in range(drift.ONE_OF * 3):
        watch.offer(live.evaluate(person, as_of=date(2025, 1, 1)).values)
    assert watch.settle(None) == 0
    assert watch.settle(bundle) == watch.rows == 3
    assert watch.readings() == []
    watch.settle(replace(bundle, version="another"))
    assert watch.rows == 0


def test_the_metrics_are_those_that_are_promised(
    settings: Settings, key_server: KeyServer, someone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift, "LEAST_ROWS", 2)
    monkeypatch.setattr(drift, "ONE_OF", 1)
    headers = {"Authorization": f"Bearer {key_server.token(*ROLES)}"}
    with running(settings) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        for day in ("2025-01-01", "2025-02-01", "2025-03-01"):
            found = client.get(f"/v1/people/{someone}/suggestions", params={"asOf": day})
            assert found.status_code == 200
        body = {"action": "NONE_CHOSEN", "reasonCode": "NOT_READY_YET"}
        client.post(f"/v1/suggestion-sets/{found.json()['id']}/decision", json=body)
        text = client.get("/metrics").text
    for wanted in (
        'signpost_request_seconds_bucket{le="0.008",method="GET",route="/v1/people/{crn}/suggestions",status="200"}',
        "signpost_advice_total{",
        'signpost_suggestion_sets_total{models="yes"',
        'signpost_decisions_total{action="NONE_CHOSEN",direction="',
        "signpost_bundle_age_days",
        "signpost_data_age_days",
        "signpost_queue_length 0.0",
        "signpost_requests_refused_total 0.0",
        "signpost_outbox_waiting 1.0",
        "signpost_store_up 1.0",
        "signpost_bundle_refused 0.0",
        "signpost_input_missing_share{feature=",
        "signpost_input_rows 3.0",
    ):
        assert wanted in text, wanted
    assert re.search(
        r'^signpost_input_stability_index\{feature="\w+",head="commence"\} \d', text, re.MULTILINE
    )
    assert someone not in text
