"""What does the service log? One JSON line an event, with the correlation id and without personal data.

Only our own events are written; their fields are codes, routes by template, statuses, times and versions. This is
the one place that knows how they are made.
"""

from __future__ import annotations

import logging
import sys

import orjson
import structlog
from structlog import get_logger
from structlog.contextvars import bound_contextvars

__all__ = ["bound_contextvars", "configure", "get_logger"]


def configure(level: str) -> None:
    """Send structured lines to stderr, and quieten what other libraries would say about requests.

    Args:
        level: DEBUG, INFO, WARNING or ERROR; anything else counts as INFO.
    """
    threshold = getattr(logging, level, logging.INFO)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_dumps),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # uvicorn's access log has paths, and a path has a CRN.
    for name in ("uvicorn.access", "sqlalchemy.engine"):
        logging.getLogger(name).disabled = True


def _dumps(event: object, default: object = None) -> str:
    del default
    return orjson.dumps(event, default=str).decode()
