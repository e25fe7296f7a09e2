"""What the words of a decision record mean, a sentence each: for the terminal and for the manual."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # A decision as it was meant.
        "wanted": "The model that was wanted answered.",
        "answer": "The rule has an answer of its own, so no model was asked.",
        "catalogue": "The gateway listed the models that are served here.",
        # What an attempt came to.
        "ok": "The model answered.",
        "overload": "The model said that it has too much to do, or had no room for more requests.",
        "5xx": "The model's host failed, or refused the gateway's own credentials.",
        "timeout": "The model did not answer in time.",
        "connect": "No connection to the model could be made.",
        "reset": "The model broke the connection off before it had answered.",
        "no_capacity": "No replica of the model was ready.",
        "budget": "The policy's budget for repeats was used up.",
        "truncated": "The answer broke off, or its caller went away, before its end.",
        "abandoned": "The caller went away before there was an answer.",
        # A request that the gateway refused.
        "unsupported_upgrade": "The caller wanted another protocol than HTTP.",
        "malformed_json": "The body is not JSON.",
        "not_an_object": "The body is JSON, but not an object.",
        "duplicate_key": "A field that the gateway reads is in the body twice.",
        "missing_model": "The request names no model.",
        "invalid_model": "The model's name is no text, or is too long.",
        "invalid_timeout": "The header x-request-timeout is no duration.",
        "unknown_path": "Nothing is served on this path.",
        "model_not_found": "No policy serves a model of this name on this host.",
        "body_too_large": "The body is larger than the policy or the gateway takes.",
        "unsupported_media_type": "The body is of a kind, or packed in a way, that the gateway does not read.",
        "headers_too_large": "The headers are larger than the gateway takes.",
        "request_timeout": "The request itself did not arrive in time.",
        "bad_request": "The request could not be read as HTTP.",
        # A fault of the gateway.
        "gateway_error": "The gateway failed, or had no route for the request.",
    }
)
"""Why a request went where it went: a closed list. A reason stays here when gateways no longer give it."""

FLAGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "DC": "the caller went away",
        "DF": "the name of the model's host could not be looked up",
        "DI": "a delay was put in on purpose",
        "DO": "the caller's connection was dropped by a rule of the gateway",
        "DPE": "the caller broke the rules of HTTP",
        "DR": "the caller took the request back",
        "DT": "the request or its connection was open for too long",
        "FI": "a failure was put in on purpose",
        "IH": "a header that the gateway checks was wrong",
        "LH": "the gateway failed its own health check",
        "LR": "the gateway took its request to the model back",
        "NC": "the gateway knows no such model",
        "NFCF": "a part of the gateway that the request needs was not there",
        "NR": "the gateway has no route for the request",
        "OM": "the gateway was short of memory or connections",
        "RFCF": "a part of the route that the request needs was not there",
        "RL": "a limit on the rate of requests was reached",
        "RLSE": "the service that limits rates failed",
        "SI": "nothing came for too long",
        "UAEX": "the service that lets callers in said no",
        "UC": "the model broke the connection off",
        "UDO": "the connection to the model was dropped by a rule of the gateway",
        "UF": "the connection to the model failed",
        "UH": "no replica of the model is healthy",
        "UMSDR": "the request was open for too long",
        "UO": "the model has as many requests as it may have",
        "UPE": "the model broke the rules of HTTP",
        "UR": "the model took its answer back",
        "URX": "every retry failed",
        "UT": "the model did not answer in time",
    }
)
"""Envoy's response flags. Envoy adds some from time to time: https://www.envoyproxy.io, access log, RESPONSE_FLAGS."""


def reason_in_words(reason: str) -> str:
    """The sentence of a reason, also of one that a newer gateway gives."""
    if not reason:
        return "The gateway noted no reason."
    return REASONS.get(reason, f"{reason} (a reason that this version does not know)")


def flags_in_words(flags: str) -> str:
    """Envoy's flags with what they mean, or nothing where there are none."""
    names = [flag for flag in flags.split(",") if flag not in ("", "-")]
    return ", ".join(f"{flag} ({FLAGS[flag]})" if flag in FLAGS else flag for flag in names)
