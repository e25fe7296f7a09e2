import socket
import time
from collections.abc import Iterator

import pytest

from tests.dataplane.support.client import (
    Connection,
    Request,
    Stream,
    ask,
    chat,
    get,
    open_stream,
    request,
    send_raw,
)
from tests.dataplane.support.received import Received
from tests.dataplane.support.steps import (
    Body,
    Chunk,
    Close,
    EndChunks,
    Program,
    Reset,
    Send,
    Stall,
    Status,
    Step,
    Wait,
    chat_answer,
    huge,
    in_turn,
    json_answer,
    malformed,
    sse_answer,
    usage,
)
from tests.dataplane.support.upstream import ScriptedUpstream

CHUNKED = [("transfer-encoding", "chunked")]
MEBIBYTE = 1024 * 1024


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


# What the upstream sees.


def test_a_request_is_recorded_as_it_came(upstream: ScriptedUpstream) -> None:
    before = time.monotonic()
    answer = request(upstream.address, "PUT", "/a?b=c%20d", [("X-Twice", "1"), ("x-twice", "2")], b"body")
    assert (answer.status, answer.reason, answer.complete, answer.json()) == (200, "OK", True, {})
    (seen,) = upstream.wait_until_ended()
    assert (seen.number, seen.method, seen.path, seen.body, seen.ended) == (
        1,
        "PUT",
        "/a?b=c%20d",
        b"body",
        "completed",
    )
    assert seen.headers[1:] == [("x-twice", "1"), ("x-twice", "2"), ("content-length", "4")]
    assert seen.header_values("X-Twice") == ["1", "2"]
    assert seen.header("absent") is None
    assert seen.whole_s
    assert seen.ended_s
    assert before <= seen.arrived_s <= seen.whole_s <= seen.ended_s <= time.monotonic()
    with pytest.raises(AssertionError, match="x-twice is there 2 times"):
        seen.header("x-twice")


def test_a_body_in_chunks_is_put_together(upstream: ScriptedUpstream) -> None:
    answer = request(upstream.address, body=iter([b"a" * 100_000, b"", b"b" * 100_000]))
    assert answer.complete
    (seen,) = upstream.requests
    assert seen.body == b"a" * 100_000 + b"b" * 100_000
    assert seen.header("transfer-encoding") == "chunked"


def test_a_client_that_expects_to_be_told_to_continue_is_told(upstream: ScriptedUpstream) -> None:
    answer = request(upstream.address, headers={"expect": "100-continue"}, body=b"x")
    assert (answer.interim, answer.status, answer.complete) == ([100], 200, True)


def test_one_connection_carries_many_requests(upstream: ScriptedUpstream) -> None:
    with Connection(upstream.address) as connection:
        for method in ("GET", "POST", "GET"):
            assert connection.fresh()
            assert connection.send(Request("/", method=method)).complete
    assert [seen.connection for seen in upstream.requests] == [1, 1, 1]
    assert upstream.opened == 1
    upstream.wait_until_open(0)


def test_requests_without_a_pause_are_answered_in_order(upstream: ScriptedUpstream) -> None:
    upstream.script = lambda seen: json_answer(text=f'"{seen.path}"')
    both = b"".join(b"GET /%d HTTP/1.1\r\n\r\n" % number for number in (1, 2))
    with socket.create_connection(upstream.address, 5) as raw:
        raw.sendall(both)
        got = b""
        while b'"/2"' not in got:
            got += raw.recv(1000)
    assert got.index(b'"/1"') < got.index(b'"/2"')


# What the upstream does.


def test_a_script_may_look_at_the_request(upstream: ScriptedUpstream) -> None:
    def script(seen: Received) -> Program:
        yield Status(201, {"content-length": "3"})
        yield Body(seen.json()["model"].encode())

    upstream.script = script
    answer = ask(upstream.address, "abc", stream=False)
    assert (answer.status, answer.reason, answer.text) == (201, "Created", "abc")


def test_programs_in_turn_end_with_the_last_one(upstream: ScriptedUpstream) -> None:
    upstream.script = in_turn(json_answer(503), json_answer(429), json_answer(200))
    assert [get(upstream.address, "/").status for _ in range(4)] == [503, 429, 200, 200]


def test_a_chat_answer_has_its_usage(upstream: ScriptedUpstream) -> None:
    upstream.script = chat_answer("m", "hi", usage(7, 2, cached=4), [("x-a", "1"), ("x-a", "2")])
    answer = ask(upstream.address, "m")
    assert answer.json()["choices"][0]["message"]["content"] == "hi"
    assert answer.json()["usage"]["total_tokens"] == 9
    assert answer.header_values("X-A") == ["1", "2"]
    assert answer.header("content-type") == "application/json"


def test_a_stream_comes_piece_by_piece(upstream: ScriptedUpstream) -> None:
    upstream.script = sse_answer(["a", "b"], gap=0.05, usage=usage(1, 2))
    with open_stream(upstream.address, body=chat("m", stream=True)) as stream:
        assert stream.head().header("content-type") == "text/event-stream"
        events = list(stream.events())
        answer = stream.answer()
    assert answer.complete
    assert answer.sse() == events
    *chunks, done = events
    assert done.data == "[DONE]"
    assert [choice["delta"].get("content") for event in chunks for choice in event.json()["choices"]] == [
        "a",
        "b",
        None,
    ]
    assert chunks[-1].json()["usage"]["completion_tokens"] == 2
    times = [event.at_s for event in events]
    assert times == sorted(times)
    assert answer.first_byte_s is not None
    # Four gaps passed between five events, however late the client was woken.
    assert 0 < answer.first_byte_s <= times[0] <= times[-1] <= answer.total_s
    assert answer.total_s >= 0.19


def test_a_stream_may_lack_its_last_event(upstream: ScriptedUpstream) -> None:
    upstream.script = sse_answer(["a"], done=False)
    answer = get(upstream.address, "/")
    assert answer.complete
    assert "[DONE]" not in answer.text


def test_an_answer_without_a_length_ends_with_the_connection(upstream: ScriptedUpstream) -> None:
    upstream.script = [Status(200), Body(b"abc")]
    answer = get(upstream.address, "/")
    assert (answer.body, answer.complete, answer.error) == (b"abc", False, "closed")
    assert upstream.requests[0].ended == "completed"


def test_trailers_are_seen(upstream: ScriptedUpstream) -> None:
    upstream.script = [Status(200, CHUNKED), Chunk(b"abc"), EndChunks([("x-sum", "1"), ("x-more", "2")])]
    answer = get(upstream.address, "/")
    assert (answer.body, answer.complete) == (b"abc", True)
    assert answer.trailers == [("x-sum", "1"), ("x-more", "2")]


def test_an_answer_to_head_has_no_body(upstream: ScriptedUpstream) -> None:
    upstream.script = [Status(200, {"content-length": "10"})]
    with Connection(upstream.address) as connection:
        for _ in range(2):
            answer = connection.send(Request("/", method="HEAD"))
            assert (answer.status, answer.body, answer.complete) == (200, b"", True)
    assert upstream.opened == 1


@pytest.mark.parametrize(
    ("script", "status", "error", "ended"),
    [
        ([Close()], 0, "closed", "closed"),
        ([Reset()], 0, "reset", "reset"),
        ([Status(200, CHUNKED), Chunk(b"a"), Close()], 200, "closed", "closed"),
        ([Status(200, CHUNKED), Chunk(b"a"), Wait(0.05), Reset()], 200, "reset", "reset"),
        ([Status(200, {"content-length": "5"}), Body(b"a")], 200, "closed", "completed"),
        ([Send(b"HTTP/1.1 200 OK\r\ncontent-le")], 0, "closed", "completed"),
        (malformed(), 0, "malformed", "closed"),
    ],
)
def test_an_answer_that_ends_early_is_no_exception(
    upstream: ScriptedUpstream, script: list[Step], status: int, error: str, ended: str
) -> None:
    upstream.script = script
    answer = get(upstream.address, "/")
    assert (answer.status, answer.complete) == (status, False)
    assert answer.error.startswith(error)
    assert upstream.wait_until_ended()[0].ended == ended


def test_a_huge_answer_arrives_whole(upstream: ScriptedUpstream) -> None:
    upstream.script = huge(3 * MEBIBYTE)
    answer = get(upstream.address, "/")
    assert answer.complete
    assert len(answer.body) == 3 * MEBIBYTE
    assert set(answer.json()) == {"x"}


def test_an_answer_that_nobody_takes_is_not_completed(upstream: ScriptedUpstream) -> None:
    upstream.script = huge(64 * MEBIBYTE)
    with open_stream(upstream.address) as stream:
        assert stream.head().status == 200
        assert upstream.wait_for_requests()[0].ended is None
    assert upstream.wait_until_gone()[0].ended == "client_gone"


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_ends_the_program(upstream: ScriptedUpstream, reset: bool) -> None:
    upstream.script = [Status(200, CHUNKED), Chunk(b"a"), Stall()]
    with open_stream(upstream.address) as stream:
        assert next(iter(stream)).data == b"a"
        left_s = time.monotonic()
        stream.close(reset=reset)
        (gone,) = upstream.wait_until_gone()
    assert gone.ended_s is not None
    assert gone.ended_s >= left_s


def test_a_client_that_leaves_in_the_middle_of_its_body_is_gone(upstream: ScriptedUpstream) -> None:
    with socket.create_connection(upstream.address, 5) as raw:
        raw.sendall(b"POST / HTTP/1.1\r\ncontent-length: 10\r\n\r\nhalf")
        assert upstream.wait_for_requests(whole=False)[0].whole_s is None
    (gone,) = upstream.wait_until_gone()
    assert gone.body == b"half"


def test_what_stalls_goes_on_once_it_is_released(upstream: ScriptedUpstream) -> None:
    upstream.script = [Stall(), *json_answer()]
    streams = [open_stream(upstream.address) for _ in range(3)]
    upstream.wait_until_stalled(3)
    assert upstream.most_busy == 3
    upstream.release()
    assert [stream.answer().complete for stream in streams] == [True] * 3
    upstream.wait_until_idle()
    upstream.hold()
    with open_stream(upstream.address):
        upstream.wait_until_stalled()
    for stream in streams:
        stream.close()


def test_a_wait_that_fails_tells_what_happened(upstream: ScriptedUpstream) -> None:
    get(upstream.address, "/here")
    with pytest.raises(AssertionError, match=r"2 requests\n(.|\n)*1\. GET /here on 1: completed"):
        upstream.wait_for_requests(2, 0.01)


def test_connects_are_refused_for_a_while(upstream: ScriptedUpstream) -> None:
    with Connection(upstream.address) as connection:
        assert connection.send(Request()).complete
        for _ in range(2):
            with upstream.refuse(), pytest.raises(ConnectionRefusedError):
                get(upstream.address, "/")
        assert not connection.fresh()
    assert get(upstream.address, "/").complete


def test_open_connections_may_go_on_while_connects_are_refused(upstream: ScriptedUpstream) -> None:
    with Connection(upstream.address) as connection:
        assert connection.send(Request()).complete
        with upstream.refuse(cut=False):
            assert connection.send(Request()).complete


def test_connections_are_accepted_and_ignored_for_a_while(upstream: ScriptedUpstream) -> None:
    with upstream.accept_and_ignore(), open_stream(upstream.address):
        upstream.wait_until_open(1)
        assert request(upstream.address, timeout=0.05).error == "timed out"
        assert upstream.requests == []
    assert get(upstream.address, "/").complete


def test_a_request_may_be_cut(upstream: ScriptedUpstream) -> None:
    upstream.script = [Stall()]
    with open_stream(upstream.address) as stream:
        upstream.wait_until_stalled()
        upstream.cut()
        assert stream.answer().error == "reset"
    assert upstream.requests[0].ended == "cut"


def test_a_script_that_raises_is_shown_to_the_test() -> None:
    def script(_: Received) -> Program:
        raise ValueError("oops")

    with pytest.raises(ExceptionGroup) as caught, ScriptedUpstream(script) as upstream:
        assert get(upstream.address, "/").error == "reset"
    assert [str(error) for error in caught.value.exceptions] == ["oops"]


def test_a_request_that_is_no_http_is_shown_to_the_test() -> None:
    with pytest.raises(ExceptionGroup, match="the upstream failed"), ScriptedUpstream() as upstream:
        assert not send_raw(upstream.address, b"\x00\x01\r\n\r\n").complete


def test_an_upstream_may_end_while_it_is_busy() -> None:
    with ScriptedUpstream([Stall()]) as upstream:
        stream: Stream = open_stream(upstream.address)
        upstream.wait_until_stalled()
    assert stream.answer().complete is False
    stream.close()


# What the client does.


def test_an_answer_that_comes_before_the_body_is_sent_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with open_stream(address, headers={"content-length": "10"}) as stream:
            peer, _ = server.accept()
            with peer:
                peer.sendall(b"HTTP/1.1 413 Too Much\r\ncontent-length: 0\r\n\r\n")
                stream.send([b"x" * 64 * MEBIBYTE])
                answer = stream.answer()
    assert (answer.status, answer.reason, answer.complete) == (413, "Too Much", True)
    assert not stream.reusable


def test_a_client_waits_no_longer_than_its_timeout(upstream: ScriptedUpstream) -> None:
    upstream.script = [Status(200, CHUNKED), Stall()]
    answer = request(upstream.address, timeout=0.1)
    assert (answer.status, answer.error) == (200, "timed out")
    assert 0.09 <= answer.total_s < 2
