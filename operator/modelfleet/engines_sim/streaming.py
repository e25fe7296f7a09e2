"""An answer as a stream of events, and when each part of it is due."""

import json
import time
from collections.abc import Iterator

from modelfleet.engines_sim.answers import Answer, Choice
from modelfleet.engines_sim.behaviour import Behaviour

DONE = b"data: [DONE]\n\n"
# A client that reads slowly holds the next batch up, and not a whole answer in memory.
_BATCH = 256


def chat_events(answer: Answer, include_usage: bool) -> Iterator[bytes]:
    """An event or more for each token, in order, and last what follows the tokens."""
    frame = _Frame(answer, f"chatcmpl-{answer.ident}", "chat.completion.chunk", include_usage)
    last = len(answer.choices) - 1
    for index, choice in enumerate(answer.choices):
        before = frame.event(index, "delta", _opening(choice))
        for piece in choice.pieces[:-1]:
            yield before + frame.event(index, "delta", _said(choice, piece))
            before = b""
        before += frame.event(index, "delta", _said(choice, choice.pieces[-1]))
        yield before + frame.event(index, "delta", {}, choice.finish, last=index == last)
    yield frame.end()


def completion_events(answer: Answer, include_usage: bool) -> Iterator[bytes]:
    """The same for completions, whose last token says that it is the last."""
    frame = _Frame(answer, f"cmpl-{answer.ident}", "text_completion", include_usage)
    last = len(answer.choices) - 1
    for index, choice in enumerate(answer.choices):
        for piece in choice.pieces[:-1]:
            yield frame.event(index, "text", piece)
        yield frame.event(index, "text", choice.pieces[-1], choice.finish, last=index == last)
    yield frame.end()


def steps(behaviour: Behaviour, tokens: int) -> Iterator[tuple[float, int]]:
    """How long to wait, and how many tokens are due after it, until all are; the clock is read as it is asked."""
    yield behaviour.first_token, 0
    before = min(behaviour.stall_after_tokens, tokens) if behaviour.stall else tokens
    yield from _leg(behaviour.tokens_per_second, before)
    if before < tokens:
        yield behaviour.stall, 0
        yield from _leg(behaviour.tokens_per_second, tokens - before)


def seconds(behaviour: Behaviour, tokens: int) -> float:
    """How long `steps` take."""
    speed = behaviour.tokens_per_second
    stalled = behaviour.stall if tokens > behaviour.stall_after_tokens else 0.0
    return behaviour.first_token + stalled + (max(tokens - 1, 0) / speed if speed else 0.0)


def _leg(speed: float, tokens: int) -> Iterator[tuple[float, int]]:
    """Tokens at a speed, the first at once. Those that a slow timer let pass are due together."""
    start, sent = time.monotonic(), 0
    while sent < tokens:
        passed = int((time.monotonic() - start) * speed) + 1 if speed else tokens
        due = min(tokens, passed, sent + _BATCH)
        yield 0.0, due - sent
        sent = due
        wait = start + sent / speed - time.monotonic() if speed else 0.0
        if sent < tokens and wait > 0:
            yield wait, 0


def _opening(choice: Choice) -> dict[str, object]:
    if not choice.call:
        return {"role": "assistant", "content": ""}
    function = {"name": choice.function, "arguments": ""}
    return {
        "role": "assistant",
        "tool_calls": [{"index": 0, "id": choice.call, "type": "function", "function": function}],
    }


def _said(choice: Choice, piece: str) -> dict[str, object]:
    return {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} if choice.call else {"content": piece}


class _Frame:
    """What all events of an answer have in common, written once."""

    def __init__(self, answer: Answer, ident: str, kind: str, include_usage: bool) -> None:
        head = {"id": ident, "object": kind, "created": answer.created, "model": answer.model}
        self._head = f"data: {json.dumps(head)[:-1]}, "
        # Whoever asks for usage is told in every event that it is still to come, as OpenAI does.
        self._tail = (', "usage": null' if include_usage else "") + "}\n\n"
        self._judged = "".join(f', "{name}": {value}' for name, value in answer.judged().items())
        self._usage = f'"choices": [], "usage": {json.dumps(answer.usage())}}}\n\n' if include_usage else ""

    def event(self, index: int, name: str, said: object, finish: str | None = None, *, last: bool = False) -> bytes:
        ending = "null" if finish is None else f'"{finish}"'
        choice = f'"index": {index}, "{name}": {json.dumps(said)}, "logprobs": null, "finish_reason": {ending}'
        return f'{self._head}"choices": [{{{choice}}}]{self._judged if last else ""}{self._tail}'.encode()

    def end(self) -> bytes:
        return (self._head + self._usage).encode() + DONE if self._usage else DONE
