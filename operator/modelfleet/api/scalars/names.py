"""Names: of objects, labels, regions, headers, models, and of what is found in a request."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import Field

from modelfleet.api.model import String
from modelfleet.api.rule import KeysRule, Rule, unless
from modelfleet.api.scalars.text import cel_string, keys_rule, matcher, pattern_rule
from modelfleet.findings import Path, Reason

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
QUALIFIED = rf"({NAME}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
HEADER = "[A-Za-z0-9_-]{1,64}"
OURS = "x-modelfleet-"

DnsLabel = Annotated[
    String,
    Field(max_length=63),
    pattern_rule(
        "dns-label",
        LABEL,
        "must be a DNS label: lowercase letters, digits and '-', with a letter or digit at both ends",
        "Light_1",
    ),
]
"""A name of one part: of a tier, a rule, a namespace."""

DnsName = Annotated[
    String,
    Field(max_length=253),
    pattern_rule(
        "dns-name",
        NAME,
        "must be a DNS name: lowercase letters, digits, '-' and '.', with a letter or digit at both ends of each part",
        "Chat_Small",
    ),
]
"""The name of a Kubernetes object, or of a host."""

Word = Annotated[
    String,
    Field(max_length=63),
    pattern_rule(
        "word",
        WORD,
        "must be one word: letters, digits, '-', '_' and '.', with a letter or digit at both ends",
        "'eu west'",
    ),
]
"""A name that is nobody's object: a region, a feature, a step, a tenant."""

LabelValue = Annotated[
    String,
    Field(max_length=63),
    pattern_rule(
        "label-value",
        f"({WORD})?",
        "must be a label value: letters, digits, '-', '_' and '.', with a letter or digit at both ends",
        "'nvidia l4'",
    ),
]

LABEL_KEYS = keys_rule(
    "label-keys",
    QUALIFIED,
    "each key must be a label key such as pool or cloud.google.com/gke-accelerator",
    "{'gpu type': l4}",
)

ANNOTATION_KEYS = keys_rule(
    "annotation-keys",
    QUALIFIED.replace(NAME, NAME.replace("a-z", "A-Za-z")),  # the API server looks at these in lower case
    "each key must be an annotation key such as owner or example.com/owner",
    "{'an owner': me}",
)

Annotations = Annotated[dict[str, String], ANNOTATION_KEYS]

Labels = Annotated[
    dict[str, LabelValue],
    LABEL_KEYS,
    Field(min_length=1, max_length=16),
]
"""Labels to be matched; an empty selector would match everything, so there is none."""

LabelKey = Annotated[
    String,
    Field(max_length=317),
    pattern_rule("label-key", QUALIFIED, "must be a label key such as pool or nvidia.com/gpu", "'a key'"),
]

ServedName = Annotated[
    String,
    pattern_rule(
        "served-name",
        "[A-Za-z0-9._:/@-]{1,253}",
        "must be a model name of 1 to 253 letters, digits and . _ : / @ -",
        "'my model'",
    ),
    Field(max_length=253),
]
"""What a caller writes in `model`, and what an engine calls the model that it serves."""

_is_header = matcher(HEADER)


def _free_header(name: str) -> bool:
    return _is_header(name) and not name.lower().startswith(OURS)


HeaderName = Annotated[
    String,
    Field(max_length=64),
    Rule(
        name="header-name",
        cel=f"self.matches({cel_string(f'^{HEADER}$')}) && !self.lowerAscii().startsWith('{OURS}')",
        broken=unless(_free_header),
        message=f"must be a header name of letters, digits, '-' and '_', and none of ours ({OURS}...)",
        example="x-modelfleet-tier",
        reason=Reason.INVALID_VALUE,
    ),
]


def _listed_twice(names: Mapping[str, Any]) -> list[Path]:
    """The names that differ only in case from one before them."""
    seen: dict[str, str] = {}
    return [(name,) for name in names if seen.setdefault(name.lower(), name) != name]


V = TypeVar("V")
ByHeader = Annotated[
    dict[str, V],
    KeysRule(
        name="header-names",
        cel=f"self.all(key, key.matches({cel_string(f'^{HEADER}$')}) && !key.lowerAscii().startsWith('{OURS}'))",
        broken=lambda keys: [(key,) for key in keys if not _free_header(key)],
        message=f"each key must be a header name of letters, digits, '-' and '_', and none of ours ({OURS}...)",
        example="{'x class': batch}",
        reason=Reason.INVALID_VALUE,
    ),
    Field(min_length=1, max_length=8),
    Rule(
        name="header-names-unique",
        cel="self.all(key, self.all(other, key == other || key.lowerAscii() != other.lowerAscii()))",
        broken=_listed_twice,
        message="is listed twice, since case does not count in the name of a header: remove one of the two",
        example="{X-Class: batch, x-class: chat}",
        reason=Reason.INCONSISTENT,
    ),
]
"""Something for each of a few headers."""

ITEM = rf"header:{HEADER}|[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*"
_is_item = matcher(ITEM)

RequestItem = Annotated[
    String,
    Field(max_length=128),
    Rule(
        name="request-item",
        cel=f"self.matches({cel_string(f'^({ITEM})$')}) && !self.lowerAscii().startsWith('header:{OURS}')",
        broken=unless(lambda text: _is_item(text) and not text.lower().startswith(f"header:{OURS}")),
        message="must be a dotted path into the body, such as messages or metadata.ticket, or header:NAME, and none of"
        f" our headers ({OURS}...)",
        example="'$.messages'",
        reason=Reason.INVALID_VALUE,
    ),
]

BodyPath = Annotated[
    String,
    Field(max_length=128),
    pattern_rule(
        "body-path",
        r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*",
        "must be a dotted path into the body, such as confidence or result.confidence",
        "'result[0]'",
    ),
]

SecretEntry = Annotated[
    String,
    Field(max_length=253),
    pattern_rule(
        "secret-key",
        r"[-._a-zA-Z0-9]+",
        "must be the key of a Secret's entry: letters, digits, '-', '_' and '.'",
        "'a b'",
    ),
]

EnvName = Annotated[
    String,
    Field(max_length=253),
    pattern_rule(
        "env-name",
        "[-._a-zA-Z][-._a-zA-Z0-9]*",
        "must be the name of a variable: letters, digits, '-', '_' and '.', and no digit in front",
        "1ST",
    ),
]

Currency = Annotated[
    String,
    pattern_rule("currency", "[A-Z]{3}", "must be a currency of three capitals, such as USD or EUR", "usd"),
    Field(max_length=3),
]
