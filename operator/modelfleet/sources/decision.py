"""One decision record: its fields, and how a line of text becomes one."""

import json
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

VERSION: Final = 1
NOT_JSON: Final = "is not JSON"

_LARGEST: Final = 2.0**53
"""Beyond it not every whole number is one, and what reads records has a gap of its own."""


def _number(value: Any) -> Any:
    """Numbers only: `true` is none, and neither is a number in quotes. A script's whole numbers may come as 7.0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be a number")
    if not -_LARGEST <= value <= _LARGEST:
        raise ValueError("is too large")
    return value


_Number = Annotated[float, BeforeValidator(_number)]
_Whole = Annotated[int, BeforeValidator(_number)]


class _Part(BaseModel):
    """Fields may be added and may be null, and neither is of importance to who reads the others."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        return {name: part for name, part in value.items() if part is not None} if isinstance(value, dict) else value


class Attempt(_Part):
    """One try at one model. The status is 0 where no answer came."""

    target: str = ""
    status: _Whole = 0
    reason: str = ""
    ms: _Number | None = None


class Skip(_Part):
    """A rung, or a repeat on one, that was left out without a try."""

    target: str = ""
    tier: str = ""
    reason: str = ""


class Served(_Part):
    """What answered."""

    tier: str = ""
    model: str = ""
    hardware: str = ""
    endpoint: str = ""


class Bytes(_Part):
    """The sizes of both bodies."""

    in_: _Whole = Field(default=0, alias="in")
    out: _Whole = 0


class Tokens(_Part):
    """What the engine says that it read and wrote; None where it says nothing."""

    in_: _Whole | None = Field(default=None, alias="in")
    out: _Whole | None = None


class Milliseconds(_Part):
    """From the request's first byte on."""

    total: _Number | None = None
    first_byte: _Number | None = Field(default=None, alias="firstByte")


class Record(_Part):
    """One decision. Texts are empty where the gateway had nothing to say."""

    v: int = VERSION
    id: str = ""
    time: str = ""
    gateway: str = ""
    policy: str = ""
    revision: str = ""
    tenant: str = ""
    feature: str = ""
    step: str = ""
    class_: str = Field(default="", alias="class")
    model: str = ""
    rule: str = ""
    score: _Number | None = None
    tier: str = ""
    target: str = ""
    rung: _Whole | None = None
    stream: bool = Field(default=False, strict=True)
    served: Served | None = None
    attempts: tuple[Attempt, ...] = ()
    skipped: tuple[Skip, ...] = ()
    reason: str = ""
    status: _Whole = 0
    flags: str = ""
    details: str = ""
    method: str = ""
    path: str = ""
    host: str = ""
    bytes: Bytes = Bytes()
    tokens: Tokens = Tokens()
    ms: Milliseconds = Milliseconds()
    would: dict[str, Any] = {}

    _line: str = PrivateAttr(default="")

    @property
    def why(self) -> str:
        """The reason; where no answer came back to have one, that of the last attempt."""
        noted = "" if self.reason == "-" else self.reason
        return noted or (self.attempts[-1].reason if self.attempts else "")

    @property
    def line(self) -> str:
        """The record as it was written, also what this version does not know of it; no newline at its end."""
        return self._line


def read_line(text: str) -> Record | str:
    """The record in this line, or what is wrong with it."""
    try:
        raw = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return NOT_JSON
    if not isinstance(raw, dict):
        return "is not an object"
    version = raw.get("v")
    if version is None:
        return "has no version: v is missing"
    if version != VERSION or isinstance(version, bool):
        return f"has version {_short(version)}, and only {VERSION} is known here"
    try:
        record = Record.model_validate(raw)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        message = wrong["msg"].removeprefix("Value error, ")
        return f"{'.'.join(map(str, wrong['loc']))}: {message}"
    record._line = text.strip()  # noqa: SLF001 - a frozen model takes what is its own from nobody else
    return record


def _refuse_constant(name: str) -> float:
    raise ValueError(name)


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 20 else f"{text[:17]}..."  # noqa: PLR2004 - enough to know it by
