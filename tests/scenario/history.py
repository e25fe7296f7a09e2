"""What a name meant, from edit to edit, and so who may have answered a request for it at which time."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.dataplane.support.answers import Answer

Fault = Literal["failed", "disallowed"]


@dataclass(slots=True)
class Version:
    """What one edit makes of a name. Each policy has one rule for all, named for its edit, so an answer tells which."""

    rule: str
    models: frozenset[str]
    """Who may answer; nobody where the name is not served."""
    written_s: float
    seen_s: float = math.inf
    """When an answer that shows it had come: what is asked later is decided by it, or by a later one."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one request."""

    name: str
    began_s: float
    ended_s: float
    status: int
    rule: str
    model: str
    """The model that the gateway says it was."""
    engine: str
    """What the engine that answered is called."""
    attempts: int
    stream: bool
    wrong: str
    """What is wrong with the answer as such."""


def said(name: str, began_s: float, ended_s: float, answer: Answer) -> Said:
    """Reads an answer as the one who asked for the name would."""
    headers = dict(answer.headers)
    stream = headers.get("content-type", "").startswith("text/event-stream")
    engine, wrong = _read(answer, stream=stream)
    return Said(
        name=name,
        began_s=began_s,
        ended_s=ended_s,
        status=answer.status,
        rule=headers.get("x-modelfleet-rule", ""),
        model=headers.get("x-modelfleet-model", ""),
        engine=engine,
        attempts=int(headers.get("x-modelfleet-attempts", "0")),
        stream=stream,
        wrong=wrong,
    )


def _read(answer: Answer, *, stream: bool) -> tuple[str, str]:
    """The engine that an answer names, and what is wrong with the answer."""
    if not answer.complete:
        return "", f"{answer.error} after {len(answer.body)} bytes"
    if not stream:
        value = answer.json()
        return (value["model"], "") if answer.status == 200 else ("", value["error"]["code"])
    *events, last = [event.data for event in answer.sse()] or [""]
    engines = {json.loads(event)["model"] for event in events}
    return ",".join(sorted(engines)), "" if last == "[DONE]" else f"ends with {last!r}"


def in_force(versions: Sequence[Version], said: Said) -> Iterator[Version]:
    """Those by which the request may have been decided: not followed by one that was seen before it, and written."""
    seen = [number for number, version in enumerate(versions) if version.seen_s <= said.began_s]
    return (version for version in versions[seen[-1] if seen else 0 :] if version.written_s <= said.ended_s)


def fault(versions: Sequence[Version], said: Said) -> Fault | None:
    """What is wrong with an answer, given all that its name meant."""
    if any(fits(version, said) for version in in_force(versions, said)):
        return None
    return "disallowed" if said.status == 200 and not said.wrong else "failed"


def fits(version: Version, said: Said) -> bool:
    """Whether this version may have made this answer."""
    if not version.models:
        return (said.status, said.wrong) == (404, "model_not_found")
    named = said.status == 200 and not said.wrong and said.rule == version.rule
    return named and said.model in version.models and said.engine == f"m-{said.model}"
