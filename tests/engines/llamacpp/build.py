"""llama.cpp's server: built once from the pinned source package, with pinned tools, then found in the user's cache."""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.cached import kept

HERE = Path(__file__).parent
PINS = ("source.txt", "tools.txt", "options.cmake")
PROGRAM = "llama-server"
REPORT_EVERY = 15.0
NOT_BUILT = "llama.cpp is not built on this machine: `make engine` builds it once, and so does `make soak`"


class Unavailable(Exception):
    """The engine cannot be had on this machine; the text says what would help."""


def program() -> Path:
    """The server. Builds it if that has not been done."""
    return kept(cache_folder(), _build) / PROGRAM


def is_built() -> bool:
    """Whether the server is there, so that nothing has to be built."""
    return cache_folder().exists()


def cache_folder() -> Path:
    """Where what was built is kept: the user's cache, under the hash of all that pins it."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    pins = b"".join((HERE / name).read_bytes() for name in PINS) + f"{sys.platform} {platform.machine()}".encode()
    return home / "modelfleet" / "llamacpp" / hashlib.sha256(pins).hexdigest()[:16]


def _build(folder: Path) -> None:
    if not (os.environ.get("CXX") or shutil.which("c++")):
        raise Unavailable("llama.cpp is built once, which needs a C++ compiler; on Debian and Ubuntu: apt install g++")
    began = time.monotonic()
    say("building llama.cpp's server, once; five to ten minutes on two cores")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="scratch-") as name:
        scratch = Path(name)
        tools = _tools(scratch / "tools")
        built = _compile(tools, _source(tools, scratch), scratch / "build")
        (built / "bin" / PROGRAM).rename(folder / PROGRAM)
    say(f"built in {time.monotonic() - began:.0f} s")


def _tools(folder: Path) -> Path:
    """The folder with pip, cmake and ninja. No machine has to have any of them."""
    _run([sys.executable, "-m", "venv", str(folder)], "an environment for the tools could not be made")
    tools = folder / "bin"
    pip = [str(tools / "python"), "-m", "pip", "--disable-pip-version-check"]
    wanted = ["install", "--only-binary", ":all:", "--require-hashes", "--requirement", str(HERE / "tools.txt")]
    _run([*pip, *wanted], "the tools could not be downloaded")
    return tools


def _source(tools: Path, scratch: Path) -> Path:
    """The folder of llama.cpp."""
    pip = [str(tools / "python"), "-m", "pip", "--disable-pip-version-check"]
    # pip asks a source package for its metadata, for which the tools have what it needs.
    wanted = ["download", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
    wanted += ["--dest", str(scratch / "package"), "--requirement", str(HERE / "source.txt")]
    _run([*pip, *wanted], "the source package could not be downloaded")
    (package,) = (scratch / "package").iterdir()
    shutil.unpack_archive(package, scratch / "source", filter="data")
    (found,) = (scratch / "source").glob("*/vendor/llama.cpp")
    return found


def _compile(tools: Path, source: Path, build: Path) -> Path:
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    cmake = str(tools / "cmake")
    configure = [cmake, "-G", "Ninja", "-S", str(source), "-B", str(build), "-C", str(HERE / "options.cmake")]
    _run(configure, "llama.cpp could not be configured", environment)
    # It takes every core there is for minutes, so it gives way to whatever else runs.
    _watched(["nice", "-n", "15", cmake, "--build", str(build), "--target", PROGRAM], environment)
    return build


def _run(command: Sequence[str], wrong: str, environment: dict[str, str] | None = None) -> None:
    ran = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ran.returncode:
        raise Unavailable(f"{wrong}:\n{_end(ran.stdout.splitlines())}")


def _watched(command: Sequence[str], environment: dict[str, str]) -> None:
    """Runs the build, with a line of progress now and then."""
    began = told = time.monotonic()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as build:
        assert build.stdout
        lines: list[str] = []
        for line in build.stdout:
            lines.append(line.rstrip())
            if line.startswith("[") and time.monotonic() - told > REPORT_EVERY:
                told = time.monotonic()
                say(f"{line.split(']')[0].removeprefix('[')} files in {told - began:.0f} s")
    if build.returncode:
        raise Unavailable(f"the build failed:\n{_end(lines)}")


def _end(lines: Sequence[str]) -> str:
    return "\n".join(lines[-20:])


def say(sentence: str) -> None:
    """For people; standard output is nobody's here."""
    sys.stderr.write(f"engines: {sentence}\n")
    sys.stderr.flush()
