"""`modelfleet drain` where there is no Envoy, or one that says no."""

import socket
import threading
from pathlib import Path

from click.testing import CliRunner

from modelfleet.cli.main import main


def drain(admin: Path | str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["drain", "--admin", str(admin)])
    assert result.stdout == ""
    return result.exit_code, result.stderr


def answer(folder: Path, status: str) -> tuple[Path, list[bytes]]:
    """A socket that answers once, and what it was asked."""
    asked: list[bytes] = []
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "admin"))
    server.listen()

    def serve() -> None:
        with server, server.accept()[0] as connection:
            asked.append(connection.recv(4096))
            connection.sendall(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())

    threading.Thread(target=serve, daemon=True).start()
    return folder / "admin", asked


def test_envoy_is_asked_to_let_go_and_not_to_end(tmp_path: Path) -> None:
    admin, asked = answer(tmp_path, "200 OK")
    assert drain(admin) == (0, "")
    assert asked[0].startswith(b"POST /drain_listeners?graceful&skip_exit HTTP/1.1\r\n")


def test_an_envoy_that_says_no_is_quoted(tmp_path: Path) -> None:
    admin, _ = answer(tmp_path, "400 Bad Request")
    assert drain(admin) == (1, f"modelfleet drain: Envoy at {admin} was not told: it answered 400\n")


def test_where_there_is_none_it_says_so_and_where_it_can_be_none(tmp_path: Path) -> None:
    code, said = drain(tmp_path / "nobody")
    assert (code, "No such file or directory" in said) == (1, True)
    code, said = drain("127.0.0.1:9901")
    assert (code, "must be the path of a socket" in said) == (2, True)
