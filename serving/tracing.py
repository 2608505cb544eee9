"""OpenTelemetry traces, when they are asked for: one span a request and one for each answer that is computed.

Off unless `SIGNPOST_OTEL_ENDPOINT` is set. Spans carry methods, routes by template, statuses and correlation ids,
and never a path, because a path has a CRN. A caller's trace (`traceparent`) is carried on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from catalogue.errors import UsageError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span

NAME: Final = "signpost"
FAULT: Final = 500


class Tracing:
    """Makes spans, or does nothing where no endpoint is set.

    Args:
        endpoint: where traces are sent, by OTLP over HTTP; None for no traces.
        environment: the name of the environment, said with every span.

    Raises:
        UsageError: when traces are asked for and OpenTelemetry is not installed.
    """

    def __init__(self, endpoint: str | None, *, environment: str) -> None:
        self._provider = None if endpoint is None else _provider(endpoint, environment)

    @contextmanager
    def request(self, method: str, headers: Mapping[bytes, bytes]) -> Iterator[Span | None]:
        """A span around a request; `answered` records the result."""
        if self._provider is None:
            yield None
            return
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        carried = {
            name: headers[name.encode()].decode("latin-1")
            for name in ("traceparent", "tracestate")
            if name.encode() in headers
        }
        with self._provider.get_tracer(NAME).start_as_current_span(
            method,
            context=TraceContextTextMapPropagator().extract(carried),
            kind=SpanKind.SERVER,
            record_exception=False,  # an exception's message may hold personal values
            set_status_on_exception=False,
        ) as span:
            yield span

    def step(self, name: str) -> AbstractContextManager[object]:
        """A span around a part of the work."""
        if self._provider is None:
            return nullcontext()
        return self._provider.get_tracer(NAME).start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        )

    def close(self) -> None:
        """Send what waits."""
        if self._provider is not None:
            self._provider.shutdown()


def answered(span: Span | None, *, method: str, route: str, status: int, correlation: str) -> None:
    """Record the result on a request's span."""
    if span is None:
        return
    from opentelemetry.trace import StatusCode

    span.update_name(f"{method} {route}")
    span.set_attributes(
        {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": status,
            "signpost.correlation_id": correlation,
        }
    )
    if status >= FAULT:
        span.set_status(StatusCode.ERROR)


def _provider(endpoint: str, environment: str) -> TracerProvider:
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider

        processor = _processor(endpoint)
    except ImportError as error:
        raise UsageError(
            "SIGNPOST_OTEL_ENDPOINT is set, but OpenTelemetry is not installed: install the `otel` extra "
            "(`pip install 'signpost[otel]'`), or leave the variable out."
        ) from error
    about = {
        "service.name": NAME,
        "service.version": version(NAME),
        "deployment.environment.name": environment,
    }
    provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    return provider


def _processor(endpoint: str) -> SpanProcessor:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint))
