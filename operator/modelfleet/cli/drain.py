"""`modelfleet drain`: tells the Envoy beside it that it is about to go, where an image has neither shell nor curl."""

import socket
import sys
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

import click

EXIT_UNREACHED = 1
PATIENCE_S = 5.0
ASKED = "/drain_listeners?graceful&skip_exit"
"""Whoever asks is told to come by another connection next time. Nothing is refused, and nothing ends."""


@click.command("drain")
@click.option("--admin", required=True, metavar="PATH", help="The socket of Envoy's own interface.")
def command(admin: str) -> None:
    """Tell the Envoy beside this to let go of its clients.

    It serves on. With each answer it tells the client to close the connection, so that the next request goes to another
    Envoy, when no new connections are led here. For how long is what its pod waits before it ends Envoy.

    Exit codes: 0 it was told, 1 it could not be, 2 an option is wrong.
    """
    if not admin.startswith("/"):
        raise click.BadParameter(f"{admin!r} must be the path of a socket", param_hint="'--admin'")
    try:
        answer = _ask(admin)
    except (OSError, HTTPException) as error:
        answer = str(error) or type(error).__name__
    if answer:
        click.echo(f"modelfleet drain: Envoy at {admin} was not told: {answer}", err=True)
        sys.exit(EXIT_UNREACHED)


def _ask(path: str) -> str:
    """What went wrong, or nothing."""
    connection = HTTPConnection("envoy", timeout=PATIENCE_S)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(PATIENCE_S)
        connection.sock.connect(path)
        connection.request("POST", ASKED)
        status = connection.getresponse().status
    finally:
        connection.close()
    return "" if status == HTTPStatus.OK else f"it answered {status}"
