"""Small parts: settings, words, assets, what is imported, what is described, who may look."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from catalogue.errors import UsageError
from serving.errors import validation_errors
from serving.metrics import Metrics
from serving.screens import assets
from serving.screens.environment import sayer
from serving.screens.session import safe_following
from serving.screens.view import effect_in_words
from serving.settings import Settings, variable
from serving.words import day, in_a_hundred
from tests.serving.conftest import KeyServer, running

ROOT = Path(__file__).parents[2]


def test_the_service_imports_no_training_library() -> None:
    program = (
        "import sys, serving.run, serving.ingest, serving.retention; "
        "print(sorted({'lightgbm','pandas','sklearn','mlflow','fairlearn','scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_settings_table_of_the_documentation_is_the_settings() -> None:
    """Line by line: no variable more, none less, the default and the meaning as the code has them."""
    text = (ROOT / "docs" / "service.md").read_text()
    lines = [
        line.split(" | ") for line in text.splitlines() if line.startswith(("| `SIGNPOST_", "| `DEV_AUTH"))
    ]
    stated = {
        name.strip("| `"): (default.strip("| `"), meaning.rstrip("| ")) for name, default, meaning in lines
    }
    for name, field in Settings.model_fields.items():
        default, meaning = stated.pop(variable(name))
        value = field.default
        shown = "" if value is None else str(int(value)) if isinstance(value, bool) else str(value)
        assert (default, meaning) == (shown, field.description), name
    assert not stated


def test_what_is_deployed_names_only_settings_that_there_are() -> None:
    known = {variable(name) for name in Settings.model_fields} | {"SIGNPOST_STORE_PASSWORD"}
    for name in ("Dockerfile", "compose.yaml", "helm-values.yaml"):
        text = (ROOT / "deploy" / name).read_text()
        assert set(re.findall(r"\bSIGNPOST_[A-Z_]+", text)) <= known, name
        if name.endswith(".yaml"):
            assert yaml.safe_load(text)
    docker = (ROOT / "deploy" / "Dockerfile").read_text()
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"][
        "wheel"
    ]
    assert {f"COPY {package} {package}" for package in packages["packages"]} <= set(docker.splitlines())
    runbook = (ROOT / "docs" / "runbook.md").read_text()
    assert set(re.findall(r"\bSIGNPOST_[A-Z_]+", runbook)) <= known
    metrics = Metrics().text().decode()
    for metric in re.findall(r"`(signpost_[a-z_]+)`", runbook):
        assert f"# TYPE {metric}" in metrics, metric


def test_the_container_s_command_says_in_one_sentence_what_is_missing() -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("SIGNPOST_", "DEV_"))
    }
    done = subprocess.run(
        [sys.executable, "-m", "serving"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("no way to check who calls")
    assert done.stderr.count("\n") == 1


BAD = [
    {"SIGNPOST_PROT": "1"},
    {"SIGNPOST_PORT": "eighty"},
    {"SIGNPOST_PORT": "70000"},
    {"DEV_AUTH": "perhaps"},
    {"DEV_AUTH": "1", "SIGNPOST_LOG_LEVEL": "secret"},
    {"DEV_AUTH": "1", "SIGNPOST_RETENTION_DAYS": "0"},
    {"DEV_AUTH": "1", "SIGNPOST_HOST": "0.0.0.0"},
    {"DEV_AUTH": "1", "SIGNPOST_AS_OF": "someday"},
    {},
]


@pytest.mark.parametrize("environment", BAD)
def test_a_wrong_setting_is_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refused:
        Settings.from_environment()
    assert "\n" not in str(refused.value)
    assert not environment or any(name in str(refused.value) for name in environment)
    assert not any(value in str(refused.value) for value in ("eighty", "perhaps", "someday", "secret"))
    assert refused.value.__cause__ is None or "secret" not in str(refused.value.__cause__)


def test_what_a_store_s_address_holds_is_not_in_the_text_of_the_settings() -> None:
    settings = Settings(database_url="postgresql+psycopg://user:secret@host/name", dev_auth=True)
    assert "secret" not in f"{settings!r} {settings}"


def test_a_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"DEV_AUTH": "1", "SIGNPOST_PORT": "81", "SIGNPOST_REPORT": "/there"}.items():
        monkeypatch.setenv(name, value)
    found = Settings.from_environment(port=82, report_folder=None)
    assert (found.port, found.report_folder, found.dev_auth) == (82, Path("/there"), True)


@given(st.floats(0, 1), st.floats(0, 1))
def test_an_interval_in_words_covers_the_interval(first: float, second: float) -> None:
    lower, upper = sorted((first, second))
    words = in_a_hundred(lower, upper)
    numbers = [int(word) for word in words.split() if word.isdigit()]
    if words.startswith("about"):
        assert numbers[0] / 100 <= lower + 1e-9
        assert numbers[1] / 100 >= upper - 1e-9
        assert numbers[0] < numbers[1]
    elif words.startswith("fewer"):
        assert upper <= numbers[0] / 100 + 1e-9
    elif words.startswith("more"):
        assert lower >= numbers[0] / 100 - 1e-9


WORDS = [
    ((0.31, 0.38), "about 30 to 40 in 100"),
    ((0.0, 0.02), "fewer than 5 in 100"),
    ((0.97, 1.0), "more than 95 in 100"),
    ((0.30, 0.30), "about 25 to 35 in 100"),
    ((0.0, 1.0), "anything from none to all of 100"),
]


@pytest.mark.parametrize(("interval", "said"), WORDS)
def test_intervals_in_words(interval: tuple[float, float], said: str) -> None:
    assert in_a_hundred(*interval) == said


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ((0.021, 0.07), "between 2 and 7 more make"),
        ((-0.07, -0.021), "between 2 and 7 fewer make"),
        ((-0.03, 0.07), "anything from 3 fewer to 7 more make"),
        ((0.003, 0.07), "up to 7 more make"),
        ((-0.07, -0.003), "up to 7 fewer make"),
        ((-0.004, 0.004), "about as many make"),
    ],
)
def test_effects_in_words_never_say_nought_fewer(bounds: tuple[float, float], said: str) -> None:
    words = effect_in_words(*bounds, sayer())
    assert f"Of 100 people with similar records, {said} progress" in words
    assert ("no difference" in words) == (bounds[0] < 0.005 and bounds[1] > -0.005 and "as many" not in said)


def test_days_in_words() -> None:
    assert day("2026-03-03") == "3 March 2026"
    assert day("2026-03-03T10:00:00+00:00") == "3 March 2026"
    assert day(None) is None


@pytest.mark.parametrize(
    "path",
    ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere", "javascript:x", "/referrals\\x"],
)
def test_signing_in_never_leads_elsewhere(path: str) -> None:
    assert safe_following(path) == "/referrals/"


def test_validation_never_repeats_what_was_sent() -> None:
    found = validation_errors(
        [
            {
                "type": "literal_error",
                "loc": ("body", "action"),
                "msg": "Input should be 'A'",
                "input": "secret",
            },
            {
                "type": "union_tag_invalid",
                "loc": ("body",),
                "msg": "Input tag 'secret' found",
                "input": "secret",
            },
            {"type": "extra_forbidden", "loc": ("body", "secret"), "msg": "Extra inputs are not permitted"},
        ]
    )
    assert b"secret" not in orjson.dumps(found)


def test_assets_in_place_are_left_alone_and_a_failing_npm_is_one_sentence(tmp_path: Path) -> None:
    def must_not_run(*_: object) -> int:
        raise AssertionError("npm was called")

    assert assets.ready()
    assert not assets.install(npm=must_not_run)
    with pytest.raises(UsageError, match="npm could not install"):
        assets.install(vendor=tmp_path / "vendor", npm=lambda *_: 1)
    assert not (tmp_path / "vendor").exists()
    lock = orjson.loads(assets.LOCK.read_bytes())
    assert all(
        "integrity" in item and "resolved" not in item for name, item in lock["packages"].items() if name
    )


def test_the_description_is_openapi_with_unique_operations_and_examples_that_hold(address: str) -> None:
    from pydantic import TypeAdapter

    from serving.schemas.contests import ContestQuestion
    from serving.schemas.decisions import DecisionQuestion
    from serving.schemas.events import EventQuestion

    document = httpx.get(f"{address}/v3/api-docs", timeout=60).json()
    assert document["openapi"].startswith("3.1")
    names = [
        operation["operationId"] for methods in document["paths"].values() for operation in methods.values()
    ]
    assert len(names) == len(set(names))
    for model in (DecisionQuestion, EventQuestion):
        for example in model.model_json_schema()["examples"]:
            TypeAdapter(model).validate_python(example)
    assert ContestQuestion(grounds="x").grounds == "x"
    page = httpx.get(f"{address}/swagger-ui.html")
    assert "http" not in page.text.replace(address, "").replace("https://", "http") or "cdn" not in page.text
    for part in (
        "/static/vendor/swagger/swagger-ui.css",
        "/static/vendor/swagger/swagger-ui-bundle.js",
        "/static/swagger.js",
    ):
        assert part in page.text
        assert httpx.get(f"{address}{part}").status_code == 200


def test_the_description_is_valid_and_every_example_in_it_holds(address: str) -> None:
    from jsonschema import Draft202012Validator
    from openapi_spec_validator import validate

    document = httpx.get(f"{address}/v3/api-docs", timeout=60).json()
    validate(document)
    checked = 0
    for place, schema, example in _examples(document):
        whole = {**schema, "components": document["components"]}
        found = [error.message for error in Draft202012Validator(whole).iter_errors(example)]
        assert not found, (place, found)
        checked += 1
    assert checked >= 6
    broken = {"$ref": "#/components/schemas/DecisionQuestion", "components": document["components"]}
    assert list(Draft202012Validator(broken).iter_errors({"action": "MAYBE"}))
    for path, operations in document["paths"].items():
        for operation in operations.values():
            guarded = not path.startswith(("/health", "/info", "/metrics"))
            assert operation.get("security", []) == ([{"hmppsAuth": []}] if guarded else []), path
    assert document["components"]["securitySchemes"]["hmppsAuth"]["scheme"] == "bearer"


def _examples(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every example with the schema it is an example of: of models, of bodies and of parameters."""
    for name, schema in document["components"]["schemas"].items():
        for example in schema.get("examples", ()):
            yield name, {"$ref": f"#/components/schemas/{name}"}, example
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                for example in parameter["schema"].get("examples", ()):
                    yield path, parameter["schema"], example
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for example in content["schema"].get("examples", ()):
                    yield path, content["schema"], example


def test_a_limited_case_is_closed_to_those_named_and_to_nobody_else(
    settings: Settings, key_server: KeyServer
) -> None:
    from serving.auth import ROLES

    person = {"sex": "MALE", "region": "A", "known_on": "2026-01-01"}
    with running(settings) as address, httpx.Client(base_url=address, timeout=30) as client:
        for crn, limits in (
            ("Y000001", {"excluded_users": ["SHUT_OUT"]}),
            ("Y000002", {"restricted_to_users": ["LET_IN"]}),
        ):
            put = client.put(
                f"/v1/cases/{crn}",
                json={"people": [{**person, **limits}]},
                headers=_as(key_server, "FEEDER", *ROLES),
            )
            assert put.status_code == 200, put.text
        table = [
            ("Y000001", "SHUT_OUT", 403),
            ("Y000001", "OTHER", 200),
            ("Y000002", "LET_IN", 200),
            ("Y000002", "OTHER", 403),
        ]
        for crn, user, status in table:
            for path in (
                f"/v1/people/{crn}/suggestions",
                f"/components/suggestions/{crn}",
                f"/v1/people/{crn}/account",
            ):
                answer = client.get(path, headers=_as(key_server, user, *ROLES))
                assert answer.status_code == status, (path, user)
                assert status == 200 or answer.json()["errorCode"] == "LIMITED_ACCESS"


def _as(key_server: KeyServer, user: str, *roles: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key_server.token(*roles, user=user)}"}


def test_the_remaining_routes_answer_as_described(api: httpx.Client, someone: str) -> None:
    from serving.schemas.flags import FlagAnswer, RiskAnswer

    catalogue = api.get("/v1/catalogue").json()
    assert len(catalogue["interventions"]) >= 51
    directory = api.get("/v1/directory", params={"size": 3}).json()
    assert directory["numberOfElements"] == len(directory["content"]) == 3
    assert api.get("/v1/models/current").json()["modelCard"].startswith("#")
    flags = api.get("/v1/flags", params={"size": 200}).json()
    found = [FlagAnswer.model_validate_json(orjson.dumps(item)) for item in flags["content"]]
    assert found
    again = api.get("/v1/flags", params={"size": 200}).json()
    assert {item["id"] for item in flags["content"]} <= {item["id"] for item in again["content"]}
    response = api.post(f"/v1/flags/{found[0].id}/response", json={"response": "CONTACTED"})
    assert response.status_code == 201
    risky = [item for item in found if item.referral_id]
    if risky:
        risk = api.get(f"/v1/referrals/{risky[0].referral_id}/completion-risk")
        read = RiskAnswer.model_validate_json(risk.content)
        chances = [horizon.probability for horizon in read.horizons]
        assert chances == sorted(chances)
    assert api.get("/v1/referrals/R-none/completion-risk").status_code == 404
    set_id = api.get(f"/v1/people/{someone}/suggestions").json()["id"]
    raised = api.post(f"/v1/suggestion-sets/{set_id}/contest", json={"grounds": "The job is new."})
    assert raised.status_code == 201
    outcome = {"outcome": "UPHELD", "explanation": "The job is recorded now."}
    path = f"/v1/suggestion-sets/{set_id}/contest/{raised.json()['id']}/outcome"
    assert api.post(path, json=outcome).json()["outcome"] == "UPHELD"
    assert api.post(path, json=outcome).status_code == 200
    assert api.post(path, json={**outcome, "outcome": "NOT_UPHELD"}).status_code == 409
    everything = api.get("/subject-access-request", params={"crn": someone}).json()["content"]
    assert everything["requestsToLookAgain"][0]["grounds"] == "The job is new."
    assert {entry["what"] for entry in everything["whoLooked"]} >= {
        "CONSULTATION",
        "COLLECTION",
        "ALTERATION",
    }
    assert set(everything["whoLooked"][0]) == {
        "what",
        "when",
        "who",
        "subjectId",
        "subjectType",
        "correlationId",
        "service",
        "details",
    }
    assert api.get("/subject-access-request", params={"crn": "Q999999"}).status_code == 204
    assert api.get("/subject-access-request", params={"prn": "A1234BC"}).status_code == 209
    component = api.get(f"/components/suggestions/{someone}").json()
    assert "signpost-panel" in component["html"]
    assert "<script" not in component["html"]
    metrics = api.get("/metrics").text
    assert 'signpost_advice_total{advice="SUGGESTED"}' in metrics
    assert someone not in metrics
