"""Structured logs without personal data.

Events have a fixed name and named values; a value is a number, a state, a code: never a field
of a document, a picture, a description (SDP) or an address of a guest. The session's label is
a short prefix that opens nothing: the session's secret id is never logged.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from contextvars import ContextVar
from typing import TextIO

session_label: ContextVar[str] = ContextVar("session_label", default="-")
"""Label of the session that the current task works for."""

_QUIET = ("aioice", "aiortc", "PIL", "asyncio")


class Log:
    """A named logger for events: ``log.info("session opened", peer="webrtc")``."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"lobbylens.{name}")

    def debug(self, event: str, **values: object) -> None:
        self._emit(logging.DEBUG, event, values)

    def info(self, event: str, **values: object) -> None:
        self._emit(logging.INFO, event, values)

    def warning(self, event: str, **values: object) -> None:
        self._emit(logging.WARNING, event, values)

    def error(self, event: str, **values: object) -> None:
        self._emit(logging.ERROR, event, values)

    def crash(self, event: str, error: BaseException, **values: object) -> None:
        """A bug: the type and place of ``error`` are logged, its text may hold data and is not."""
        where = "unknown"
        trace = error.__traceback__
        while trace is not None:
            where = _place(trace.tb_frame.f_code.co_filename, trace.tb_lineno)
            trace = trace.tb_next
        self._emit(logging.ERROR, event, {"error": type(error).__name__, "at": where, **values})

    def _emit(self, level: int, event: str, values: dict[str, object]) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={"values": values})


def _place(file: str, line: int) -> str:
    return f"{file.rsplit('/', 1)[-1]}:{line}"


def _values(record: logging.LogRecord) -> dict[str, object]:
    values = getattr(record, "values", None)
    return values if isinstance(values, dict) else {}


class TextFormatter(logging.Formatter):
    """``12:00:01.250 info session=ab12 offer answered codec=VP8``, and ``worker=1`` before the
    session where there are several."""

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self._worker = f"worker={worker} " if worker else ""

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        pairs = "".join(f" {key}={value}" for key, value in _values(record).items())
        return (
            f"{clock}.{int(record.msecs):03d} {record.levelname.lower()} {self._worker}"
            f"session={session_label.get()} {record.getMessage()}{pairs}"
        )


class JsonFormatter(logging.Formatter):
    """One JSON object a line, keys ts, level, logger, session, event and the event's values, and
    worker where there are several."""

    def __init__(self, worker: str = "") -> None:
        super().__init__()
        self._worker = {"worker": worker} if worker else {}

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {
                "ts": round(record.created, 3),
                "level": record.levelname.lower(),
                "logger": record.name,
                **self._worker,
                "session": session_label.get(),
                "event": record.getMessage(),
                **_values(record),
            },
            default=str,
        )


def _log_warnings() -> None:
    """Log Python's warnings by kind and place: the text may repeat what was sent, as aiohttp's does
    of a file's name. Each place speaks once; the text is kept nowhere for that.
    """
    told: set[tuple[str, str]] = set()
    log = Log("python")

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        said = (category.__name__, _place(filename, lineno))
        if said not in told:
            told.add(said)
            log.warning("x warning", category=said[0], at=said[1])

    warnings.showwarning = show
    # In the place of the default action, which is to keep the text, for as long as the process
    # lives, in order to show it once.
    warnings.simplefilter("always", append=True)


def setup_logging(level: str, style: str, worker: str = "") -> None:
    """Send everything to standard error, as ``text`` or ``json`` lines that name ``worker``."""
    _log_warnings()
    lines = logging.StreamHandler(sys.stderr)
    lines.setFormatter(JsonFormatter(worker) if style == "json" else TextFormatter(worker))
    root = logging.getLogger()
    root.handlers[:] = [lines]
    root.setLevel(level.upper())
    # Below warning these libraries log descriptions, addresses and request lines with secrets.
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    # It tells of requests that are no HTTP, and of sub-protocols, which may be tokens, with the
    # sender's address; what fails within our doors is logged by them.
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)
    # It warns of each frame that a client has made undecodable.
    logging.getLogger("aiortc").setLevel(logging.ERROR)
