"""The address where a role tells how it does, and pages of the role's own."""

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from modelfleet.controllers.serving import Serving
from modelfleet.findings import Unusable
from modelfleet.telemetry import Telemetry

going_on = threading.Event()


def page(query: str) -> bytes:
    """A page that has a mistake, one that takes its time, and one that answers."""
    if query == "mistake":
        raise KeyError(query)
    if query == "slow":
        going_on.wait(5)
    return b'{"asked": "' + query.encode() + b'"}'


@pytest.fixture
def serving() -> Iterator[Serving]:
    going_on.clear()
    made = Serving("127.0.0.1:0", Telemetry(), list, lambda: ["nothing is read"], {"/acks": page})
    made.start()
    yield made
    going_on.set()
    made.stop()


def ask(serving: Serving, path: str) -> tuple[int, str, str]:
    """Status, type and body."""
    try:
        with urllib.request.urlopen(f"http://{serving.address}{path}", timeout=5) as answer:
            return answer.status, answer.headers["content-type"], answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["content-type"], error.read().decode()


def test_a_page_is_told_as_json_for_what_stands_behind_the_question_mark(serving: Serving) -> None:
    assert ask(serving, "/acks") == (200, "application/json", '{"asked": ""}')
    assert ask(serving, "/acks?number=7&wait=1") == (200, "application/json", '{"asked": "number=7&wait=1"}')


def test_who_looks_for_what_is_not_there_is_told_what_is(serving: Serving) -> None:
    status, _, body = ask(serving, "/ack")
    assert (status, body) == (404, "there is only /metrics and /healthz, /livez, /readyz, /acks\n")


def test_a_page_that_waits_keeps_no_probe_waiting(serving: Serving) -> None:
    threads = [threading.Thread(target=ask, args=(serving, "/acks?slow"), daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert ask(serving, "/healthz")[0] == 200
    assert ask(serving, "/readyz")[::2] == (503, "nothing is read\n")
    assert ask(serving, "/metrics")[0] == 200
    going_on.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()


def test_a_mistake_in_a_page_is_one_answer_and_not_the_end(
    serving: Serving, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(serving, "/acks?mistake")[0] == 500
    assert ask(serving, "/acks")[0] == 200
    capsys.readouterr()


def test_a_role_without_pages_has_none() -> None:
    made = Serving("127.0.0.1:0", Telemetry(), list, list)
    made.start()
    assert ask(made, "/acks")[0] == 404
    made.stop()


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_an_address_of_ipv6_is_one_like_others() -> None:
    made = Serving("[::1]:0", Telemetry(), list, list)
    made.start()
    assert made.address.startswith("[::1]:")
    assert ask(made, "/healthz")[0] == 200
    made.stop()


def test_an_address_that_is_taken_is_told_by_its_option(serving: Serving) -> None:
    with pytest.raises(Unusable, match=f"--metrics {serving.address}: cannot listen there: Address already in use"):
        Serving(serving.address, Telemetry(), list, list)
