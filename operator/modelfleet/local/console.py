"""Log lines of many programs on one stream: whole, named, harmless to a terminal, and never in anybody's way."""

import os
import queue
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from logging import makeLogRecord
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, TextIO

from modelfleet.findings import Unusable, printable

FILE_BYTES: Final = 10_000_000
"""A file of lines is begun anew at this size, and the one before it is kept."""

_WAITING: Final = 10_000
_STYLE: Final = re.compile(r"\x1b\[[0-9;:]*[mK]")
_COLOURS: Final = (36, 33, 35, 32, 34, 96, 93, 95, 92, 94)
_ENVOY_NOISE: Final = re.compile(r"\[[^\]]*\]\[\d+\]\[(?:trace|debug|info)\]")
_KNOWN_TO_ENVOY: Final = ("caught ENVOY_SIGTERM", "closed: 13, upstream_reset_after")
"""Warnings of an end that was asked for."""

_Line = tuple[str, str]


def is_envoy_noise(text: str) -> bool:
    """Whether Envoy itself says that a line is of no concern."""
    return _ENVOY_NOISE.match(text) is not None or any(words in text for words in _KNOWN_TO_ENVOY)


class Console:
    """Writes lines from any thread, in the order in which they come.

    A thread of its own writes: a terminal that was stopped with Ctrl-S must stop nothing but the lines. Lines that find
    no room are left out, and counted.
    """

    def __init__(self, stream: TextIO, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        self._stream: TextIO | None = stream
        self._has_colour = stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
        self._colours: dict[str, int] = {}
        self._files: dict[str, tuple[_File, Callable[[str], bool]]] = {}
        self._lines: queue.Queue[_Line | None] = queue.Queue(_WAITING)
        self._left_out = 0
        self._thread = threading.Thread(target=self._write_all, name="console", daemon=True)
        self._thread.start()

    def keep(self, name: str, path: Path, is_quiet: Callable[[str], bool] = lambda _: False) -> None:
        """From now on all lines of this name go to the file, and those that are quiet go nowhere else."""
        try:
            self._files[name] = (_File(path), is_quiet)
        except OSError as error:
            raise Unusable(f"{path} cannot be written: {error.strerror or error}") from error

    def line(self, name: str, text: str) -> None:
        """One line of the program of this name; never waits."""
        try:
            self._lines.put_nowait((name, text))
        except queue.Full:
            self._left_out += 1

    def close(self, within: float = 1.0) -> None:
        """Writes what is left, as far as it can be written in so many seconds."""
        try:
            self._lines.put(None, timeout=within)
        except queue.Full:
            return
        self._thread.join(within)
        if not self._thread.is_alive():
            for file, _ in self._files.values():
                file.close()

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            self._write(*line)
            if self._left_out and self._lines.empty():
                left_out, self._left_out = self._left_out, 0
                self._show("modelfleet", f"{left_out} lines were left out, as they came faster than they were shown")

    def _write(self, name: str, text: str) -> None:
        text = printable(_STYLE.sub("", text).expandtabs(4))
        file, is_quiet = self._files.get(name, (None, None))
        if file is not None:
            file.write(text)
        if is_quiet is None or not is_quiet(text):
            self._show(name, text)

    def _show(self, name: str, text: str) -> None:
        if self._stream is None:
            return
        label = f"[{printable(name)}]"
        if self._has_colour:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            label = f"\x1b[{colour}m{label}\x1b[0m"
        encoding = self._stream.encoding or "utf-8"
        try:
            self._stream.write(f"{label} {text}\n".encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except (OSError, ValueError):
            # Nobody reads any more, or it was closed: the files are still written.
            self._stream = None


class _File(RotatingFileHandler):
    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=1, encoding="utf-8", errors="backslashreplace")

    def write(self, text: str) -> None:
        self.emit(makeLogRecord({"msg": text}))

    def close(self) -> None:
        with suppress(OSError):
            super().close()

    def handleError(self, record: object) -> None:  # noqa: N802 - the name is logging's
        """A full disk ends no fleet."""
