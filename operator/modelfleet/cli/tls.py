"""The options of TLS: between gateways and the control plane, and of the port that callers come to."""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from modelfleet.envoy.mtls import TlsFiles

FILES = ("--tls-cert", "--tls-key", "--tls-ca")
NAME = "--tls-server-name"
PAIR = ("--listener-cert", "--listener-key")
LONGEST = 4096

_OPTIONS = (
    click.option(
        "--tls-cert", metavar="FILE", help="Our certificate, in PEM, with those between it and the authority."
    ),
    click.option("--tls-key", metavar="FILE", help="The key of it."),
    click.option("--tls-ca", metavar="FILE", help="The authorities that the other side's certificate is checked by."),
    click.option(
        "--tls-server-name",
        metavar="NAME",
        help="What the server is called in its certificate, for who connects to one.  [default: the host of its "
        "address]",
    ),
)


def tls_options(function: Callable[..., None]) -> Callable[..., None]:
    """Adds the four options to a command, which is given them as one: `tls`."""

    @functools.wraps(function)
    def collected(*args: Any, **given: Any) -> None:
        names = ("tls_cert", "tls_key", "tls_ca", "tls_server_name")
        function(*args, tls=_read(*(given.pop(name) for name in names)), **given)

    for option in reversed(_OPTIONS):
        option(collected)
    return collected


def listener_options(cert: str, key: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds two options with these helps to a command, which is given them as one: `listener`."""

    def adding(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def collected(*args: Any, **given: Any) -> None:
            listener = _pair(given.pop("listener_cert"), given.pop("listener_key"))
            function(*args, listener=listener, **given)

        for option, told in zip(reversed(PAIR), (key, cert), strict=True):
            click.option(option, metavar="FILE", help=told)(collected)
        return collected

    return adding


def _pair(cert: str | None, key: str | None) -> "TlsFiles | None":
    from modelfleet.envoy.mtls import TlsFiles

    if not cert and not key:
        return None
    if not cert or not key:
        raise click.UsageError(f"{' and '.join(PAIR)} belong together: add {PAIR[0] if key else PAIR[1]}")
    _check_printable(dict(zip(PAIR, (cert, key), strict=True)))
    return TlsFiles(cert, key)


def _check_printable(files: Mapping[str, str | None]) -> None:
    for option, path in files.items():
        if path and (not path.isprintable() or len(path) > LONGEST):
            raise click.BadParameter("must be the path of a file, on one line", param_hint=f"'{option}'")


def _read(cert: str | None, key: str | None, ca: str | None, server_name: str | None) -> "TlsFiles | None":
    from modelfleet.cli.addresses import is_host
    from modelfleet.envoy.mtls import TlsFiles

    files = dict(zip(FILES, (cert, key, ca), strict=True))
    missing = [option for option, path in files.items() if not path]
    if len(missing) == len(FILES) and server_name is None:
        return None
    if missing:
        raise click.UsageError(
            f"{', '.join(FILES)} belong together: add {' and '.join(missing)}, or leave out all of them"
            + (f" and {NAME}" if server_name is not None else "")
        )
    _check_printable(files)
    if server_name is not None and not is_host(server_name):
        message = f"{server_name!r} must be the name or the address of a host, without a port, such as modelfleet-xds"
        raise click.BadParameter(message, param_hint=f"'{NAME}'")
    return TlsFiles(cert or "", key or "", ca or "", server_name or "")
