"""What a request asks for, checked as strictly as engines do, so that a gateway that breaks a body is found out."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.engines_sim.exchange import Refused

Body = Mapping[str, Any]

_ROLES = {"assistant", "developer", "function", "system", "tool", "user"}
_ANSWERS = 16


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text that answers follow from, and how many tokens it counts for."""

    text: str
    tokens: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What chat and completions have in common. `tool` is the function to call in place of an answer in words."""

    model: str
    prompts: tuple[Prompt, ...]
    answers: int
    cap: int | None
    stream: bool
    include_usage: bool
    tool: Body | None = None


def parsed(raw: bytes) -> Body:
    """The body of a request, which must be a JSON object that names a model."""
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refused(400, "The body of the request is not JSON.") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body of the request must be a JSON object.")
    if not value(body, "model", str, "a string"):
        raise wrong("model", "the name of a model")
    return body


def chat(body: Body) -> Wanted:
    messages = value(body, "messages", list, "a list of messages")
    if not messages:
        raise wrong("messages", "a list of at least one message")
    text = "\n".join(_message(index, message) for index, message in enumerate(messages))
    limits = ("max_completion_tokens", "max_tokens")
    return _wanted(body, (_counted(text),), limits, _tool(body, messages[-1]["role"]))


def completion(body: Body) -> Wanted:
    return _wanted(body, tuple(texts(body, "prompt")), ("max_tokens",), None)


def texts(body: Body, name: str) -> Iterator[Prompt]:
    """The texts under this name: a string, a list of tokens, or a list of either."""
    raw = body.get(name)
    if isinstance(raw, str) or _tokens(raw):
        raw = [raw]
    if not isinstance(raw, list) or not raw:
        raise wrong(name, "a string, a list of strings, a list of tokens or a list of such lists")
    for part in raw:
        if isinstance(part, str):
            yield _counted(part)
        elif _tokens(part):
            yield Prompt(str(part), len(part))
        else:
            raise wrong(name, "a string, a list of strings, a list of tokens or a list of such lists")


def value(body: Body, name: str, kind: type, words: str) -> Any:
    """The value under this name, where null is the same as nothing."""
    found = body.get(name)
    if found is not None and (not isinstance(found, kind) or (kind is int and isinstance(found, bool))):
        raise wrong(name, words)
    return found


def wrong(name: str, words: str) -> Refused:
    return Refused(400, f"{name} must be {words}.", param=name)


def count(body: Body, name: str, high: int | None = None) -> int | None:
    found: int | None = value(body, name, int, "an integer")
    if found is not None and (found < 1 or (high is not None and found > high)):
        raise wrong(name, f"from 1 to {high}" if high else "at least 1")
    return found


def _wanted(body: Body, prompts: tuple[Prompt, ...], limits: tuple[str, ...], tool: Body | None) -> Wanted:
    stream = bool(value(body, "stream", bool, "true or false"))
    options = value(body, "stream_options", dict, "an object")
    if options is not None and not stream:
        raise Refused(400, "stream_options is allowed only with stream.", param="stream_options")
    return Wanted(
        model=body["model"],
        prompts=prompts,
        answers=count(body, "n", _ANSWERS) or 1,
        cap=min((cap for name in limits if (cap := count(body, name))), default=None),
        stream=stream,
        include_usage=bool(value(options or {}, "include_usage", bool, "true or false")),
        tool=tool,
    )


def _counted(text: str) -> Prompt:
    return Prompt(text, len(text.split()) or 1)


def _tokens(raw: object) -> bool:
    return isinstance(raw, list) and bool(raw) and all(type(token) is int for token in raw)


def _message(index: int, message: object) -> str:
    where = f"messages[{index}]"
    if not isinstance(message, dict):
        raise wrong(where, "an object")
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES if isinstance(role, str) else True:
        raise wrong(f"{where}.role", f"one of {', '.join(sorted(_ROLES))}")
    if isinstance(content, str):
        return f"{role}: {content}"
    if isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content):
        return f"{role}: {' '.join(_part(part) for part in content)}"
    if content is None and role == "assistant":
        return f"{role}: {json.dumps(message.get('tool_calls'))}"
    raise wrong(f"{where}.content", "a string or a list of parts")


def _part(part: Body) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else json.dumps(part, sort_keys=True)


def _tool(body: Body, last: str) -> Body | None:
    """The function to call: the one that is named, or else the first."""
    tools = value(body, "tools", list, "a list of tools") or []
    functions = [_function(index, tool) for index, tool in enumerate(tools)]
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        named = choice.get("function")
        name = named.get("name") if isinstance(named, dict) else None
        found = next((function for function in functions if function["name"] == name), None)
        if found is None:
            raise wrong("tool_choice", "none, auto, required or one of the tools")
        return found
    if choice not in (None, "none", "auto", "required") or (choice == "required" and not functions):
        raise wrong("tool_choice", "none, auto, required or one of the tools")
    # Who brings the result of a call wants it put into words, or an agent would call for ever.
    answered = last == "tool" and choice != "required"
    return None if choice == "none" or answered or not functions else functions[0]


def _function(index: int, tool: object) -> Body:
    function = tool.get("function") if isinstance(tool, dict) and tool.get("type") == "function" else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise wrong(f"tools[{index}]", "a function with a name")
    if not isinstance(function.get("parameters"), dict | None):
        raise wrong(f"tools[{index}].function.parameters", "an object")
    return function
