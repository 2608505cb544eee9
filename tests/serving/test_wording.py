"""What is said back: which part of a decision is wrong, how large a caseload is, and a page past the end."""

import html

import httpx
import pytest

from serving.screens import view
from serving.screens.messages import Sayer
from serving.settings import Settings
from tests.serving.conftest import running


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"action": "NONE_CHOSEN", "reasonCode": "OTHER"}, "The reason OTHER needs own words"),
        ({"action": "NONE_CHOSEN", "reasonCode": "SECRETX"}, "The action does not have this reason"),
        (
            {"action": "DEPARTED", "reasonCode": "RESPONSIVITY"},
            "ACCEPTED and DEPARTED name an intervention; NONE_CHOSEN does not",
        ),
    ],
)
def test_a_wrong_decision_is_told_what_is_wrong(
    api: httpx.Client, someone: str, body: dict[str, str], sentence: str
) -> None:
    set_id = api.get(f"/v1/people/{someone}/suggestions").json()["id"]
    answer = api.post(f"/v1/suggestion-sets/{set_id}/decision", json=body)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert "SECRETX" not in answer.text


def test_the_sign_in_counts_those_whom_the_list_shows(store_settings: Settings) -> None:
    with running(store_settings) as address, httpx.Client(base_url=address, follow_redirects=True) as visitor:
        page = visitor.get("/sign-in").text
        option = next(line for line in page.splitlines() if "<option" in line and "people" in line)
        name = option.split('value="')[1].split('"')[0]
        count = int(option.rsplit(" people", maxsplit=1)[0].rsplit(maxsplit=1)[1])
        visitor.post("/sign-in", data={"user": name, "next": "/referrals/"})
        first = visitor.get("/referrals/").text
        beyond = visitor.get("/referrals/", params={"page": 999}).text
        assert f"{count} people" in first or first.count('href="/referrals/Z') == count
        assert 'href="/referrals/Z' in beyond


def test_the_session_s_token_opens_the_api(store_settings: Settings, someone: str) -> None:
    with running(store_settings) as address, httpx.Client(base_url=address, follow_redirects=True) as visitor:
        visitor.post("/sign-in", data={"user": "DEMO_USER", "next": "/referrals/"})
        token = visitor.get("/sign-in/token").text
        headers = {"Authorization": f"Bearer {token}"}
        assert httpx.get(f"{address}/v1/people/{someone}/suggestions", headers=headers).status_code == 200
        visitor.post("/sign-out")
        assert token not in visitor.get("/sign-in/token").text


def test_a_wrong_address_is_a_page_for_a_person_and_json_for_a_program(store_settings: Settings) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    with running(store_settings) as address, httpx.Client(base_url=address, follow_redirects=True) as visitor:
        unknown = visitor.get("/nothing/here", headers=browser)
        assert unknown.status_code == 404
        assert "Sign out" not in unknown.text
        visitor.post("/sign-in", data={"user": "DEMO_USER", "next": "/referrals/"})
        for path in ("/nothing/here", "/referrals/X1/nothing", "/referral", "/static/nothing.html"):
            found = visitor.get(path, headers=browser)
            assert found.status_code == 404, path
            assert found.headers["content-type"].startswith("text/html"), path
            assert "Sorry, this cannot be shown" in found.text
            assert "Sign out" in found.text
        for path in ("/nothing/here", "/v1/nothing"):
            assert visitor.get(path).json()["errorCode"] == "NOT_FOUND"
        assert visitor.get("/v1/nothing", headers=browser).json()["errorCode"] == "NOT_FOUND"


def test_a_departure_to_an_ineligible_intervention_says_what_stands_against_it(
    store_settings: Settings, api: httpx.Client, someone: str
) -> None:
    document = api.get(f"/v1/people/{someone}/suggestions", params={"detail": "terms"}).json()
    ineligible = [item for item in document["suggestions"] if item["eligibility"] == "NOT_ELIGIBLE"]
    assert ineligible
    with running(store_settings) as address, httpx.Client(base_url=address, follow_redirects=True) as visitor:
        visitor.post("/sign-in", data={"user": "DEMO_USER", "next": "/referrals/"})
        page = visitor.get(f"/referrals/{someone}")
        set_id = page.text.split("Reference of this page: ")[1].split(".")[0]
        form = visitor.get(f"/referrals/{someone}/decision", params={"set": set_id, "choice": "depart"})
    shown = html.unescape(form.text)
    for item in ineligible:
        against = shown.split(f'data-why="{item["interventionId"]}">')[1].split("</dd>")[0]
        for reason in item["reasons"]:
            decides = reason["kind"] == "RULE" and reason["outcome"] == "NOT_MET"
            assert (reason["text"] in against) == decides, reason["text"]


def result_of(kind: str, outcome: str) -> dict[str, str]:
    return {"kind": kind, "outcome": outcome, "text": f"{kind} {outcome}."}


EVERY_RESULT = [
    result_of(kind, outcome)
    for kind in ("ADVISORY", "RULE", "QUESTION")
    for outcome in ("MET", "NOT_MET", "UNKNOWN")
]


@pytest.mark.parametrize(
    ("eligibility", "feasible", "expected"),
    [
        ("ELIGIBLE", False, ("RULE NOT_MET.",)),
        ("ELIGIBLE", True, ()),
        ("ELIGIBLE", None, ()),
        ("NOT_ELIGIBLE", True, ("RULE NOT_MET.",)),
        ("NEARLY", True, ("RULE NOT_MET.", "Come back in May.")),
        ("MISSING_INFORMATION", True, ("RULE UNKNOWN.",)),
    ],
)
def test_only_rules_that_decide_say_why_not(
    *, eligibility: str, feasible: bool | None, expected: tuple[str, ...]
) -> None:
    item = {
        "eligibility": eligibility,
        "advice": "NOT_ADVISED",
        "rank": None,
        "missing": [],
        "explanation": [],
        "feasibility": {"feasible": feasible, "reasons": EVERY_RESULT},
        "reasons": EVERY_RESULT,
        "nearly": "Come back in May." if eligibility == "NEARLY" else None,
        "interventionId": "tsp",
        "name": "Thinking",
        "type": "ACP",
        "needs": [],
    }
    document = {
        "id": "s1",
        "ruleOnly": True,
        "asOf": "2025-06-30",
        "bundleVersion": None,
        "catalogueHash": "0" * 64,
        "suggestions": [item],
    }
    ((line,),) = (group.lines for group in view.panel(document, Sayer()).groups)
    assert line.why == expected


@pytest.fixture
def store_settings(settings: Settings) -> Settings:
    return Settings(
        database_url=settings.database_url,
        bundle_folder=settings.bundle_folder,
        dev_auth=True,
        log_level="ERROR",
    )
