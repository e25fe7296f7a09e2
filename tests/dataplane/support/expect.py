"""What every answer of a gateway has in common, whoever gave it."""

from typing import Any

from tests.dataplane.support.answers import Answer
from tests.dataplane.support.gateway import RealGateway
from tests.dataplane.support.records import Record

SAID = ("request-id", "policy", "rule", "tier", "model", "rung", "attempts", "reason")


def said(answer: Answer) -> dict[str, str]:
    """What the answer says of itself: exactly the promised headers, and nothing of the kind beside them."""
    found = {name.removeprefix("x-modelfleet-"): value for name, value in answer.headers if "x-modelfleet" in name}
    ours = [name for name, _ in answer.headers if name.startswith(("x-modelfleet", "x-envoy"))]
    assert sorted(ours) == sorted(f"x-modelfleet-{name}" for name in SAID), ours
    return found


def error_of(answer: Answer, status: int, code: str) -> dict[str, Any]:
    """The error in an answer, which is one in OpenAI's shape and says of itself what every answer does."""
    assert answer.complete, answer
    assert answer.status == status, (answer.status, answer.text)
    assert answer.header("content-type") == "application/json"
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "code"}
    assert error["code"] == code, error
    assert error["message"]
    assert error["type"] == ("invalid_request_error" if status < 500 else "api_error")
    assert said(answer)["reason"] == code
    return error


def unavailable(gateway: RealGateway, answer: Answer, status: int, code: str) -> Record:
    """The record of an answer that tells of a failure behind the gateway; a 503 says when to come back."""
    error_of(answer, status, code)
    assert (answer.header("retry-after") is not None) == (status == 503), answer
    return gateway.record(answer)


def alone(gateway: RealGateway, answer: Answer) -> Record:
    """The record of an answer for which no model was asked."""
    record = gateway.record(answer)
    assert said(answer)["attempts"] == "0"
    assert said(answer)["model"] == "-"
    assert record["attempts"] == []
    assert record["served"] is None
    return record
