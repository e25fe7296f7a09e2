"""What may be repeated of a client's reason to refuse: it may quote what it was sent, keys and all."""

import re
from collections.abc import Iterable

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import SECRET
from modelfleet.findings import printable

NEUTRAL = "The gateway refused it. What it said may contain credentials and is not repeated here."
LONGEST = 500

CARRIERS = (
    b"PRIVATE KEY",
    b"api_key_auth",
    b"basic_auth",
    b"credential_injector",
    b"hmac_secret",
    b"inline_bytes",
    b"jwt_authn",
    b"oauth2",
)
"""Letters in the body of a resource that carries credentials: mostly names of filters whose config holds them."""

HINTS = (
    "-----begin",
    "api_key",
    "apikey",
    "authorization",
    "basic ",
    "bearer",
    "credential",
    "inline_",
    "password",
    "private_key",
    "secret",
    "token",
)
"""Words beside which credentials are found. Better one text too many that is not told than one too few."""

_MISSING = re.compile(r"paths must refer to an existing path in the system: '[^']*' does not exist")
"""That a file is missing has only its path in it, which who sets up the gateway has chosen."""
_RULE = "Proto constraint validation failed ("
_ECHO = "goo.gle/debug"


def repeatable(type_url: str, resources: Iterable[XdsResource], message: str) -> str:
    """The message on one line and cut short, without what it quotes; a neutral one where that might be a secret."""
    if missing := _MISSING.search(message):
        return printable(missing[0])[:LONGEST]
    if type_url == SECRET or any(_carries_credentials(resource) for resource in resources):
        return NEUTRAL
    text = _without_echo(message).strip()
    lowered = text.lower()
    if any(hint in lowered for hint in HINTS):
        return NEUTRAL
    text = printable(text.partition("\n")[0]) or NEUTRAL
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def _carries_credentials(resource: XdsResource) -> bool:
    return any(word in resource.body for word in CARRIERS)


def _without_echo(message: str) -> str:
    """Envoy writes the rule that was broken, and before or behind it the whole resource."""
    _, found, behind = message.rpartition(_RULE)
    if found:
        rule = behind.partition("): ")[0].strip()
        return _RULE + rule.removesuffix(")") + ")"
    return message.partition(_ECHO)[0]
