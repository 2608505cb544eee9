"""Whatever is sent, in whatever order: nothing but documented answers (schemathesis over the whole API, all checks on).

The short profile is part of `make test`. The long one takes every boundary case and many more examples:
`FUZZ=long pytest tests/serving/test_fuzz.py`.
"""

import os
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from serving.auth import ROLES
from serving.settings import Settings
from tests.serving.conftest import ISSUER, KeyServer, running

LONG = os.environ.get("FUZZ") == "long"
EXAMPLES, BOUNDARIES, ROUNDS, STEPS = (100, 10**6, 100, 15) if LONG else (8, 60, 10, 8)
OPERATIONS = (
    "GET /health", "GET /health/ping", "GET /health/liveness", "GET /health/readiness", "GET /info", "GET /metrics",
    "GET /v1/people/{crn}/suggestions", "POST /v1/suggestions", "GET /components/suggestions/{crn}",
    "POST /v1/suggestion-sets/{id}/decision", "POST /v1/suggestion-sets/{id}/contest",
    "POST /v1/suggestion-sets/{id}/contest/{contestId}/outcome", "GET /v1/referrals/{id}/completion-risk",
    "GET /v1/flags", "POST /v1/flags/{id}/response", "PUT /v1/cases/{crn}", "DELETE /v1/cases/{crn}",
    "POST /v1/events", "GET /v1/people/{crn}/account", "GET /subject-access-request", "GET /v1/catalogue",
    "GET /v1/directory", "GET /v1/models/current", "GET /v1/equality-report",
)  # fmt: skip
TAKING_NOTHING = (*OPERATIONS[:6], "GET /v1/catalogue", "GET /v1/models/current")
# What a schema cannot say: a reason belongs to an action, one of two numbers is needed, an event names a person, and
# an idempotency key is for one request only.
WITH_RULES = (
    "POST /v1/suggestion-sets/{id}/decision", "POST /v1/suggestion-sets/{id}/contest",
    "POST /v1/suggestion-sets/{id}/contest/{contestId}/outcome", "POST /v1/flags/{id}/response",
    "GET /subject-access-request", "POST /v1/events",
)  # fmt: skip


@pytest.fixture(scope="module")
def described(
    filled: Path, trained_bundle: Path, key_server: KeyServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    store = shutil.copy(filled, tmp_path_factory.mktemp("fuzz") / "store.db")
    settings = Settings(
        database_url=f"sqlite:///{store}",
        bundle_folder=trained_bundle,
        serve_unpassed=True,
        auth_jwks_url=key_server.url,
        auth_issuer=ISSUER,
        log_level="ERROR",
    )
    accepted = ["2xx", "401", "403", "404", "409"]
    token = key_server.token(*ROLES, exp=2**31)
    with running(settings) as address:
        config = SchemathesisConfig.from_dict(
            {
                "auth": {"openapi": {"hmppsAuth": {"bearer": token}}},
                "seed": 1,
                "request-timeout": 60.0,  # on a busy machine an answer may take long, which is not looked at here
                # NUL is refused in any text, with 400: tested by itself.
                "generation": {"deterministic": True, "database": "none", "allow-x00": False},
                "checks": {"positive_data_acceptance": {"expected-statuses": accepted}},
                "operations": [
                    {
                        "include-name": name,
                        "checks": {"positive_data_acceptance": {"expected-statuses": [*accepted, "422"]}},
                    }
                    for name in WITH_RULES
                ],
            }
        )
        # Days that every question can be asked about; those that none can have tests of their own.
        schemathesis.openapi.format("date", st.dates(date(2000, 1, 1), date(2026, 1, 1)).map(str))
        yield schemathesis.openapi.from_url(f"{address}/v3/api-docs", config=config, timeout=120)


def _how(examples: int, **more: Any) -> how:
    return how(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
        **more,
    )


def test_every_operation_is_among_those_tested(described: Any) -> None:
    assert sorted(found.ok().label for found in described.get_all_operations()) == sorted(OPERATIONS)
    assert described.statistic.transitions.total > 10


@pytest.mark.parametrize("label", OPERATIONS)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_an_operation_gives_documented_answers(described: Any, label: str, mode: GenerationMode) -> None:
    operation = described.find_operation_by_label(label)

    @_how(EXAMPLES)
    @given(operation.as_strategy(mode))
    def any_example(case: Any) -> None:
        case.call_and_validate()

    try:
        any_example()
    except Unsatisfiable:  # an operation that takes nothing cannot be sent anything wrong
        assert mode is GenerationMode.NEGATIVE
        assert label in TAKING_NOTHING
    cases = list(
        described.iter_coverage_cases(
            operation, generation_modes=[mode], generation_config=described.config.generation
        )
    )
    for case in cases[:: max(1, len(cases) // BOUNDARIES)]:
        case.call_and_validate()


def test_operations_in_a_row_give_documented_answers(described: Any) -> None:
    described.as_state_machine().run(settings=_how(ROUNDS, stateful_step_count=STEPS))
