"""OpenTelemetry by configuration: off by default, a sentence when it is not installed, spans without personal data."""

import sys

import httpx
import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from catalogue.errors import UsageError
from serving import tracing
from serving.auth import ROLES
from serving.settings import Settings
from tests.serving.conftest import KeyServer, but, running

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_request_is_a_span_in_its_caller_s_trace_without_personal_data(
    settings: Settings, key_server: KeyServer, someone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_processor", lambda _: SimpleSpanProcessor(made))
    headers = {
        "Authorization": f"Bearer {key_server.token(*ROLES)}",
        "traceparent": f"00-{TRACE}-b7ad6b7169203331-01",
        "X-Correlation-Id": "trace-test-1",
    }
    told = but(settings, otel_endpoint="http://127.0.0.1:4318/v1/traces", environment="dev")
    with running(told) as address, httpx.Client(base_url=address, headers=headers, timeout=30) as client:
        assert client.get(f"/v1/people/{someone}/suggestions").status_code == 200
        assert client.get("/v1/people/Q999999/suggestions").status_code == 404
    spans = {span.name: span for span in made.get_finished_spans()}
    asked = spans["GET /v1/people/{crn}/suggestions"]
    assert {
        span.attributes["http.response.status_code"] for span in made.get_finished_spans() if span.attributes
    } == {
        200,
        404,
    }
    assert f"{asked.context.trace_id:032x}" == TRACE
    assert asked.attributes is not None
    assert asked.attributes["signpost.correlation_id"] == "trace-test-1"
    assert asked.resource.attributes["deployment.environment.name"] == "dev"
    within = spans["suggest"]
    assert within.parent is not None
    assert within.context.trace_id == asked.context.trace_id
    said = " ".join(span.to_json() for span in made.get_finished_spans())
    assert someone not in said
    assert "Q999999" not in said
    assert "A_PRACTITIONER" not in said


def test_a_fault_is_an_error_and_its_message_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    made = InMemorySpanExporter()
    monkeypatch.setattr(tracing, "_processor", lambda _: SimpleSpanProcessor(made))
    found = tracing.Tracing("http://127.0.0.1:4318/v1/traces", environment="dev")
    with pytest.raises(ValueError, match="X123456"), found.request("GET", {}) as span:  # noqa: PT012  the fault comes after the answer
        tracing.answered(span, method="GET", route="/x", status=500, correlation="abc")
        raise ValueError("X123456")
    found.close()
    (kept,) = made.get_finished_spans()
    assert kept.status.status_code is StatusCode.ERROR
    assert "X123456" not in kept.to_json()


def test_it_is_off_unless_asked_for_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter")):
            monkeypatch.setitem(sys.modules, name, None)
    with tracing.Tracing(None, environment="dev").request("GET", {}) as span:
        assert span is None
    with pytest.raises(UsageError, match=r"install the `otel` extra"):
        tracing.Tracing("http://127.0.0.1:4318/v1/traces", environment="dev")
