"""Requests that show a fleet at work, and the records of what became of them."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from modelfleet.sources.decision import Record
from modelfleet.sources.records import read_records

PATIENCE_S: Final = 5.0
_LOOK_S: Final = 0.05
_LONG: Final = "Please read all of this: " + "the fleet serves, and the fleet explains. " * 120


@dataclass(frozen=True, slots=True)
class Asked:
    """A chat request and, in a few words, what is special about it."""

    what: str
    words: str
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """The request's body."""
        return {"model": "auto", "messages": [{"role": "user", "content": self.words}], **self.more}

    def as_curl(self, url: str) -> str:
        """The same for a shell."""
        headers = "".join(f" -H '{name}: {value}'" for name, value in self.headers.items())
        return f"curl {url}/chat/completions{headers} -d '{json.dumps(self.body())}'"


_TOOL: Final = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
ASKED: Final = (
    Asked("a legal question", "May we keep these records?", headers={"x-feature": "legal"}),
    Asked("a short question", "What is a fleet?", {"max_tokens": 16}),
    Asked("a question that offers tools", "What is the weather?", {"tools": [_TOOL]}),
    Asked("a long prompt", _LONG, {"max_tokens": 8}),
    Asked("a search without what was found", "Where is it?", headers={"x-feature": "search"}),
    Asked("one at which every engine fails", "Is anybody there?", headers={"x-sim-behaviour": '{"fail_rate": 1}'}),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as far as it is shown."""

    id: str
    status: int
    text: str

    @property
    def is_good(self) -> bool:
        """Whether it is an answer and no error."""
        return self.status == HTTPStatus.OK


async def ask(url: str, asked: Asked) -> Answer:
    """Sends the request and waits for the whole answer."""
    return await asyncio.to_thread(_ask, url, asked)


def _ask(url: str, asked: Asked) -> Answer:
    request = urllib.request.Request(  # noqa: S310 - the address is our own gateway's
        f"{url}/chat/completions",
        data=json.dumps(asked.body()).encode(),
        headers={"content-type": "application/json", **asked.headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310 - as above
            return _answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return _answer(error.code, error.headers, error.read())


def _answer(status: int, headers: Message, body: bytes) -> Answer:
    said = json.loads(body)
    choices = said.get("choices") or [{"message": {"content": said.get("error", {}).get("message")}}]
    message = choices[0]["message"]
    text = message.get("content") or json.dumps(message.get("tool_calls"))
    return Answer(headers.get("x-modelfleet-request-id") or "", status, text)


async def record_of(decisions: Path, request: str) -> Record | None:
    """The record of a request; Envoy writes it a moment after the answer."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for record in read_records([str(decisions)], None):
                    if isinstance(record, Record) and record.id == request:
                        return record
                await asyncio.sleep(_LOOK_S)
    except TimeoutError:
        return None
