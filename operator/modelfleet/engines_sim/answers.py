"""What an engine says: texts that follow from seed, model and prompt, and the JSON that carries them."""

import itertools
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelfleet.engines_sim.behaviour import Behaviour
from modelfleet.engines_sim.chance import digest, unit
from modelfleet.engines_sim.requests import Body, Wanted
from modelfleet.engines_sim.tools import example

_WHO = ("The harbour", "An old lighthouse", "The night train", "A quiet archive", "The weather station", "My neighbour")
_DOES = ("keeps a list of", "never forgets", "was built around", "sends word about", "slowly counts", "is known for")
_WHAT = ("northern winds.", "forgotten maps.", "late arrivals.", "blue lanterns.", "small repairs.", "patient engines.")
_SENTENCES = [" ".join(parts).split() for parts in itertools.product(_WHO, _DOES, _WHAT)]
# Sentences that follow each other in the product differ in one word only; a stride makes them differ in all.
_MIXED = [_SENTENCES[index * 89 % len(_SENTENCES)] for index in range(len(_SENTENCES))]
_WORDS = [f" {word}" for sentence in _MIXED for word in sentence]
_STARTS = list(itertools.accumulate((len(sentence) for sentence in _MIXED), initial=0))[:-1]
_CALL_PIECE = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the texts asked for, or the arguments of a call, in pieces of a token each."""

    pieces: list[str]
    finish: str
    call: str = ""
    function: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """All that is said to one request."""

    ident: str
    created: int
    model: str
    prompt_tokens: int
    choices: list[Choice]
    confidence: float | None

    @property
    def tokens(self) -> int:
        return sum(len(choice.pieces) for choice in self.choices)

    def usage(self) -> dict[str, int]:
        prompt, answer = self.prompt_tokens, self.tokens
        return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}

    def judged(self) -> dict[str, float]:
        return {} if self.confidence is None else {"confidence": self.confidence}


def answered(wanted: Wanted, behaviour: Behaviour, number: int) -> Answer:
    """The answer. The number tells apart the ids of answers that are otherwise the same."""
    seed, model = behaviour.seed, wanted.model
    length = min(behaviour.answer_tokens, wanted.cap or behaviour.answer_tokens)
    finish = "length" if length < behaviour.answer_tokens else "stop"
    choices, tags = [], []
    for prompt in wanted.prompts:
        for index in range(wanted.answers):
            tag = digest("text", seed, model, index, prompt.text)
            tags.append(tag)
            if wanted.tool is not None:
                choices.append(_call(wanted.tool, tag, number))
            else:
                choices.append(Choice(_pieces(model, tag, length, finish), finish))
    judged = None
    if behaviour.confidence is not None:
        low, high = behaviour.confidence
        judged = round(low + (high - low) * unit(digest("confidence", tags[0])), 4)
    tokens = sum(prompt.tokens for prompt in wanted.prompts)
    return Answer(f"{tags[0].hex()[:12]}{number:012x}", int(time.time()), model, tokens, choices, judged)


def chat_json(answer: Answer) -> bytes:
    choices = [
        {"index": index, "message": _message(choice), "logprobs": None, "finish_reason": choice.finish}
        for index, choice in enumerate(answer.choices)
    ]
    return _whole(answer, f"chatcmpl-{answer.ident}", "chat.completion", choices)


def completion_json(answer: Answer) -> bytes:
    choices = [
        {"index": index, "text": "".join(choice.pieces), "logprobs": None, "finish_reason": choice.finish}
        for index, choice in enumerate(answer.choices)
    ]
    return _whole(answer, f"cmpl-{answer.ident}", "text_completion", choices)


def _whole(answer: Answer, ident: str, kind: str, choices: Sequence[Mapping[str, object]]) -> bytes:
    head = {"id": ident, "object": kind, "created": answer.created, "model": answer.model, "choices": choices}
    return json.dumps({**head, "usage": answer.usage(), **answer.judged()}).encode()


def _message(choice: Choice) -> dict[str, object]:
    text = "".join(choice.pieces)
    if not choice.call:
        return {"role": "assistant", "content": text}
    call = {"id": choice.call, "type": "function", "function": {"name": choice.function, "arguments": text}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _pieces(model: str, tag: bytes, length: int, finish: str) -> list[str]:
    opening = [model, " answers", f" ({tag.hex()[:8]}):"]
    pieces = [*opening, *_told(tag, length - len(opening))][:length]
    if finish == "stop" and length > len(opening):
        pieces[-1] = pieces[-1].rstrip(".") + "."
    return pieces


def _told(tag: bytes, length: int) -> Iterator[str]:
    start = _STARTS[int.from_bytes(tag[-2:], "big") % len(_STARTS)]
    if start + length <= len(_WORDS):
        return iter(_WORDS[start : start + max(length, 0)])
    return itertools.islice(itertools.cycle(_WORDS), start, start + length)


def _call(tool: Body, tag: bytes, number: int) -> Choice:
    """A call is never cut short: half of its arguments would be no JSON."""
    arguments = json.dumps(example(tool.get("parameters") or {}))
    pieces = [arguments[at : at + _CALL_PIECE] for at in range(0, len(arguments), _CALL_PIECE)]
    return Choice(pieces, "tool_calls", f"call_{tag.hex()[:8]}{number:08x}", tool["name"])
