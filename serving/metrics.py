"""What Prometheus reads: how fast, what was advised, what people did with it, and whether the parts are up."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS: Final = (0.002, 0.004, 0.008, 0.016, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The service's own registry, so that two services in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "signpost_request_seconds",
            "Time from the last byte of a request to the first of its answer",
            ("route", "method", "status"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "signpost_queue_length", "Requests waiting for their turn", registry=self.registry
        )
        self.refused = Counter(
            "signpost_requests_refused",
            "Requests answered 429 because the queue was full",
            registry=self.registry,
        )
        self.advice = Counter(
            "signpost_advice", "Interventions by what was said of them", ("advice",), registry=self.registry
        )
        self.sets = Counter(
            "signpost_suggestion_sets",
            "Suggestion sets made, by whether any intervention could be suggested and whether models were in use",
            ("suggested", "models"),
            registry=self.registry,
        )
        self.decisions = Counter(
            "signpost_decisions",
            "Decisions by action and by direction against the first suggestion",
            ("action", "direction"),
            registry=self.registry,
        )
        self.contests = Counter("signpost_contests", "Requests to look again", registry=self.registry)
        self.store_up = Gauge("signpost_store_up", "1 when the store answers", registry=self.registry)
        self.bundle_days = Gauge(
            "signpost_bundle_age_days", "Days since the training date of the bundle", registry=self.registry
        )
        self.bundle_refused = Gauge(
            "signpost_bundle_refused",
            "1 when the bundle in the folder could not be used",
            registry=self.registry,
        )
        self.data_days = Gauge(
            "signpost_data_age_days", "Days since the newest record in the store", registry=self.registry
        )
        self.outbox_waiting = Gauge(
            "signpost_outbox_waiting", "Events of ours that have not left", registry=self.registry
        )
        self.drift = Gauge(
            "signpost_input_stability_index",
            "How far an input of the last answers is from the bundle's training profile (over 0.25: much has moved)",
            ("head", "feature"),
            registry=self.registry,
        )
        self.missing = Gauge(
            "signpost_input_missing_share",
            "Share of the last answers for which an input of the models was not recorded",
            ("feature",),
            registry=self.registry,
        )
        self.drift_rows = Gauge(
            "signpost_input_rows",
            "Answers that the two figures on inputs are made of",
            registry=self.registry,
        )

    def text(self) -> bytes:
        """Everything in the exposition format."""
        return generate_latest(self.registry)
