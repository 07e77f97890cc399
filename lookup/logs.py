"""The log of a service: one event a line on standard error, nothing about any candidate.

Modules log through `logging`, with words of their own and values nobody typed. What other
libraries say could repeat a request, so of their events only the place is kept, and of an
error nobody expected its type and the line of code it came from.
"""

import logging
import sys
import traceback
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from lookup.errors import ServiceError

OURS = ("lookup", "uvicorn")
"""Loggers whose sentences are known to hold nothing that a client sent."""
WITHHELD = "an event whose words are left out"
ACCESS = "uvicorn.access"
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.asgi", ACCESS)
CLIENTS_FAULT = "httptools_impl"
"""Where uvicorn warns once for every malformed request: metrics count those, and whoever sends
millions of them must not fill the disk."""
NOBODY_CANCELLED = ("Cancel %s running task(s), timeout graceful shutdown exceeded", (0,))
"""What uvicorn calls an error where connections that are idle outlast a calm end."""


def configure_logs(json: bool | None = None) -> None:
    """Send every logger of this process to standard error; a second call changes the form only.

    `json` says whether lines are JSON or for people's eyes; None asks whether standard error is a
    terminal. Every process of a service calls it once: what a forkserver starts inherits none.
    """
    as_json = not sys.stderr.isatty() if json is None else json
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_is_worth_a_line)
    handler.setFormatter(_formatter(as_json))
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    for name in UVICORN:
        logger = logging.getLogger(name)
        # Comings and goings of workers are the supervisor's to tell.
        logger.setLevel(logging.WARNING)
        logger.handlers, logger.propagate = [], name != ACCESS
    # A log line that fails would be shown with its arguments and a traceback.
    logging.raiseExceptions = False


def _formatter(as_json: bool) -> ProcessorFormatter:
    shown: tuple[Processor, Processor] = (
        (_for_machines, structlog.processors.JSONRenderer(ensure_ascii=False))
        if as_json
        else (_for_people, structlog.dev.ConsoleRenderer(pad_event_to=0, sort_keys=False))
    )
    shape, render = shown
    return ProcessorFormatter(
        foreign_pre_chain=[_withhold],
        processors=[shape, ProcessorFormatter.remove_processors_meta, render],
    )


def _is_worth_a_line(record: logging.LogRecord) -> bool:
    malformed = record.module == CLIENTS_FAULT and record.levelno <= logging.WARNING
    return not malformed and (record.msg, record.args) != NOBODY_CANCELLED


def _withhold(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An event without what could be about a candidate."""
    record: logging.LogRecord = event["_record"]
    event.pop("stack_info", None)
    found = event.pop("exc_info", None)
    if record.name.partition(".")[0] in OURS:
        # What follows the first line is a traceback put into words.
        event["event"] = str(event["event"]).strip().partition("\n")[0]
    else:
        event["event"] = WITHHELD
        event["at"] = f"{record.module}:{record.lineno}"
    if found and found[1] is not None:
        event.update(_error(found[1], found[2]))
    return event


def _error(error: BaseException, trace: TracebackType | None) -> dict[str, str]:
    """Which error, and where in the code; its sentence only where it is one of ours."""
    said = {"error": type(error).__name__}
    if isinstance(error, ServiceError):
        said["sentence"] = str(error)
    if frames := traceback.extract_tb(trace):
        said["at"] = f"{PurePath(frames[-1].filename).name}:{frames[-1].lineno}"
    return said


def _for_machines(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    head = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "pid": record.process,
    }
    return head | dict(event)


def _for_people(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    time = datetime.fromtimestamp(record.created).astimezone()
    head = {"timestamp": f"{time:%H:%M:%S}", "level": record.levelname.lower()}
    return head | dict(event) | {"pid": record.process}
