"""How a role that runs in a cluster writes its log: one line for each thing, on standard error, whatever is in it."""

import json
import logging
import sys
from datetime import UTC, datetime

from modelfleet.findings import printable

NOISE = ("OS signals are ignored", "Unresolved resources cannot be served", "Request attempt #")
"""What kopf says of its own place in our process, and what our lists and the guard say better."""


class Text(logging.Formatter):
    """For people."""

    def format(self, record: logging.LogRecord) -> str:
        """`time LEVEL message`."""
        return f"{_time(record)} {record.levelname:7} {printable(_said(self, record))}"


class Json(logging.Formatter):
    """For those who collect logs."""

    def format(self, record: logging.LogRecord) -> str:
        """One JSON object."""
        said = {"time": _time(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**said, "message": _said(self, record)})


FORMATS = {"text": Text, "json": Json}


def set_up(form: str, level: str) -> None:
    """Sends what this process logs to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATS[form]())
    handler.addFilter(lambda record: not record.getMessage().startswith(NOISE))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # kopf tells of each event, and of each failure that the guard has told of already.
    logging.getLogger("kopf").setLevel(logging.CRITICAL if level != "debug" else logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.ERROR)


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _said(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    message = record.getMessage()
    return f"{message}\n{formatter.formatException(record.exc_info)}" if record.exc_info else message
