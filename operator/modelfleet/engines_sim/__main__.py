"""The command line of the simulated engine."""

import argparse
import contextlib
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelfleet.engines_sim.app import App
from modelfleet.engines_sim.behaviour import FIELDS, Behaviour, Field, written
from modelfleet.engines_sim.fields import Invalid, plain, shown
from modelfleet.engines_sim.server import Server

_PORTS = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes."""
    parser = _parser()
    options = parser.parse_args(arguments)
    models: list[str] = options.model or ["sim"]
    if len(set(models)) < len(models):
        parser.error("argument --model: a name is given twice")
    behaviour = Behaviour(**{name: getattr(options, name) for name in FIELDS})
    host, port = options.listen
    try:
        listener, place = _unix(options.uds) if options.uds else _tcp(host, port)
    except OSError as error:
        parser.error(f"cannot listen on {options.uds or f'{host}:{port}'}: {error.strerror or error}")
    try:
        Server(App(models, behaviour), place).run(sockets=[listener])
    finally:
        listener.close()
        if options.uds:
            Path(options.uds).unlink(missing_ok=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m modelfleet.engines_sim",
        description="Serve the OpenAI API with made-up answers that follow from the seed, the model and the prompt.",
        epilog="All of the behaviour can be changed while it runs, with POST /sim/behaviour, and but for the "
        "concurrency, the queue and the cold start for one request, with the header x-sim-behaviour.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--model", action="append", type=_name, metavar="NAME", help="a model to serve; may be repeated (default: sim)"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--listen",
        type=_address,
        default="127.0.0.1:8000",
        metavar="HOST:PORT",
        help="where to listen; port 0 picks a free one (default: %(default)s)",
    )
    where.add_argument("--uds", metavar="PATH", help="listen on a Unix socket instead")
    group = parser.add_argument_group("behaviour")
    for name, field in FIELDS.items():
        default = getattr(Behaviour(), name)
        shown_default = "none" if default is None else written(name, default)
        group.add_argument(
            f"--{name.replace('_', '-')}",
            type=_argument(field),
            default=default,
            metavar=field.metavar,
            help=f"{field.help} (default: {shown_default})",
        )
    return parser


def _argument(field: Field) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        try:
            return field.read(plain(text))
        except Invalid as invalid:
            raise argparse.ArgumentTypeError(str(invalid)) from None

    return read


def _name(text: str) -> str:
    if not text or not text.isprintable():
        raise argparse.ArgumentTypeError(f"must be the name of a model, not {shown(text)}")
    return text


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > _PORTS:
        raise argparse.ArgumentTypeError(f"must be HOST:PORT, such as 127.0.0.1:8000 or [::1]:0, not {shown(text)}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _tcp(host: str, port: int) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    shown_host = f"[{host}]" if ":" in host else host
    return listener, f"http://{shown_host}:{listener.getsockname()[1]}/v1"


def _unix(path: str) -> tuple[socket.socket, str]:
    listener = socket.socket(socket.AF_UNIX)
    with contextlib.suppress(OSError):
        # What a process left that is no more; a socket that still answers is somebody's.
        if Path(path).is_socket() and listener.connect_ex(path):
            Path(path).unlink()
    listener.close()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    return listener, f"unix:{path}"


if __name__ == "__main__":
    sys.exit(main())
