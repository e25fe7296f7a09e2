"""Every text with a grammar of its own, its rule, and texts that it takes and refuses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_args, get_origin

from pydantic import TypeAdapter

from modelfleet.api.kinds import KINDS
from modelfleet.api.meta import ObjectMeta
from modelfleet.api.routingpolicy.decision import AnswerStatus
from modelfleet.api.routingpolicy.sharing import TrafficClasses
from modelfleet.api.rule import Rule
from modelfleet.api.scalars.addresses import Image, ModelSource, RequestPath, Url
from modelfleet.api.scalars.duration import Duration
from modelfleet.api.scalars.names import (
    ANNOTATION_KEYS,
    LABEL_KEYS,
    Annotations,
    BodyPath,
    ByHeader,
    Currency,
    DnsLabel,
    DnsName,
    EnvName,
    HeaderName,
    LabelKey,
    Labels,
    LabelValue,
    RequestItem,
    SecretEntry,
    ServedName,
    Word,
)
from modelfleet.api.scalars.numbers import Bound, Comparison, Overprovisioning, Price, Share
from modelfleet.api.scalars.quantity import QUANTITY, RESOURCE_NAMES, WHOLE_DEVICES, Quantity, Resources
from modelfleet.api.scalars.text import Text
from modelfleet.api.shape import bare


@dataclass(frozen=True)
class Format:
    """A type, the rule on it, and values on both sides of the rule; `bad` ones keep every other bound of the type."""

    type: Any
    rule: Rule
    good: tuple[Any, ...]
    bad: tuple[Any, ...]

    def adapter(self) -> TypeAdapter[Any]:
        """What reads a single value."""
        return TypeAdapter(self.type)


def rules_of(annotation: Any) -> Iterator[Rule]:
    """The rules that stand on a type itself, not on its parts."""
    for note in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
        if isinstance(note, Rule):
            yield note
    here = bare(annotation)
    if isinstance(here, type) and issubclass(here, Text):
        yield here.RULE
    if here is Quantity:
        yield QUANTITY


def _texts(type_: Any, good: str, bad: tuple[str, ...]) -> Format:
    (rule,) = rules_of(type_)
    return Format(type_, rule, tuple(good.split()), bad)


LONG = "a" * 63
HEADERS = ByHeader[str]

FORMATS = (
    _texts(
        Duration,
        "1ms 720h 43200m 99999s 1h30m 30s1h 0h1ms 00001s 1h1h1h1h 719h59m59s999ms",
        (
            "",
            "0s",
            "0ms",
            "721h",
            "720h1ms",
            "1",
            "s",
            "1.5h",
            "-1s",
            "+1s",
            "1d",
            "1h 30m",
            "100000s",
            "1s1s1s1s1s",
            "\uff11s",
        ),
    ),
    _texts(
        Price,
        "0 0.71 15 999999999.999999999 007",
        ("", ".5", "5.", "-1", "+1", "1e3", "0,71", "1 000", "$1", "1234567890"),
    ),
    _texts(Share, "1% 20% 99% 100%", ("", "0%", "101%", "20", "0.2", "020%", "20.5%", "-5%", "%")),
    _texts(Overprovisioning, "100% 140% 1000%", ("", "99%", "1001%", "140", "0140%", "1.4")),
    _texts(
        Comparison,
        ">0 <0 >=100000 <=999999999999",
        ("", "100000", "=5", "==5", "> 5", ">-1", ">1.5", "><5", "5>", "!=5"),
    ),
    _texts(
        Bound,
        "<0 <1 <0.35 <1.0 <1.000000 <0.000001 else light light-2",
        ("", "<", "<2", "<1.1", "<.5", "<0.", "<-0.1", "<=0.5", ">0.35", "0.35", "<0.0000001", "Light", "-a", "a b"),
    ),
    _texts(DnsLabel, f"a 1 light light-2 2-light {LONG}", ("", "Light", "a_b", "a.b", "-a", "a-", "a b", "ä", "a\n")),
    _texts(DnsName, "a chat-small a.b.c 1.2", ("", "Chat_Small", "a..b", ".a", "a.", "a.-b", "a-.b", "a/b", "a\n")),
    _texts(Word, f"a A eu-west-1 a_b a.b 5 {LONG}", ("", "eu west", "-a", "a-", ".a", "a/b", "é")),
    Format(LabelValue, next(rules_of(LabelValue)), ("", "a", "NVIDIA-L4", "a_b.c"), ("nvidia l4", "-a", "a.", "a/b")),
    _texts(
        LabelKey,
        f"pool nvidia.com/gpu a.b-c.d/E_f.g {LONG} a/b",
        ("", "a key", "/a", "a/", "a/b/c", "-a", "A.com/b", "a_b.com/c", f"{LONG}a", "example.com/-a"),
    ),
    _texts(ServedName, "m auto meta-llama/Llama-3.1-8B a:b@c_d", ("", "my model", "é", "a\n", "a#b", "a" * 254)),
    _texts(
        HeaderName,
        "x-class X_Class a x-modelfleet",
        ("", "x class", "x:y", "x-modelfleet-tier", "X-ModelFleet-Tier", "ä"),
    ),
    _texts(
        RequestItem,
        "messages metadata.ticket a.0 _a header:x-class",
        (
            "",
            "$.messages",
            "a..b",
            ".a",
            "a.",
            "0a",
            "a[0]",
            "header:",
            "header:x y",
            "Header:x",
            "header:x-modelfleet-tier",
            "header:X-ModelFleet-Tier",
        ),
    ),
    _texts(BodyPath, "confidence result.confidence a.0.b", ("", "result[0]", "a..b", "a.", "0", "header:x", "$.a")),
    _texts(SecretEntry, "token a.b TLS_KEY -", ("", "a b", "a/b", "ä")),
    _texts(EnvName, "A a.b _ -a PATH_2", ("", "1ST", "A=B", "A B", "ä")),
    _texts(Currency, "USD EUR", ("", "usd", "US", "E R", "ÄÖÜ")),
    _texts(
        Url,
        "http://a https://api.example.com/v1 https://10.0.0.1:8443/ https://[::1]:8080/v1 http://localhost:65535 https://A.b"
        " https://[::] https://[1:2:3:4:5:6:7:8] https://[1:2:3:4:5:6:7::] https://[::2:3:4:5:6:7:8]"
        " https://[fe80::1:FFFF]/v1 https://a--b.c-d.e https://[::ffff:10.0.0.1] https://[::FFFF:255.9.99.0]:80/v1",
        (
            "",
            "api.example.com/v1",
            "ftp://a",
            "https://",
            "https://me@a",
            "https://me:pw@a/v1",
            "https://a?b=c",
            "https://a#b",
            "https://a:0",
            "https://a:65536",
            "https://a:",
            "https://a b",
            "https://-a",
            "https://a-",
            "HTTPS://a",
            "https://[::1",
            "https://[1:2:3]/v1",
            "https://[1:2:3:4:5:6:7:8:9]",
            "https://[1:2:3:4::5:6:7:8]",
            "https://[1::2::3]",
            "https://[:1]",
            "https://[1:]",
            "https://[12345::]",
            "https://[::ffff:256.0.0.1]",
            "https://[::ffff:10.0.0]",
            "https://[]",
            "https://a..com/v1",
            "https://a.-b.c",
            "https://a-.b",
            "https://a.",
            "https://a/ä",
        ),
    ),
    _texts(
        Image,
        "a a:1 docker.io/vllm/vllm-openai:v0.9.1 localhost:5000/a/b a@sha256:" + "0" * 64,
        ("", "engine 1.2", "-a", "a:", "a/", "a@sha256:00", "http://a/b", "a:b:c/d", ":1"),
    ),
    _texts(
        ModelSource,
        "hf://meta-llama/Llama-3.1-8B s3://bucket/a gs://b/c az://a oci://r/i:t pvc://models/a file:///models https://a/b",
        (
            "",
            "meta-llama/Llama-3.1-8B-Instruct",
            "hf:/a",
            "hf://",
            "http://a/b",
            "ftp://a",
            "hf://a b",
            "HF://a",
            "hf://a?b",
        ),
    ),
    _texts(RequestPath, "/ /v1/embeddings /v1/* /*", ("", "v1/embeddings", "*", "/a*b", "/a b", "/a?b", "/a#b", "/**")),
    Format(
        Quantity,
        QUANTITY,
        ("1", 1, 999999999999999, "24Gi", "1.5", ".5", "5.", "500m", "1n", "2e3", "2E-3", "1E", "1Ei", "1e99"),
        (
            "",
            "24 GB",
            "0",
            0,
            -1,
            "-1",
            "+1",
            "0Gi",
            "0e5",
            "1K",
            "1gi",
            "1e",
            "1e100",
            "1.2.3",
            ".",
            "Gi",
            10**15,
            "1GB",
        ),
    ),
    Format(
        Annotations, ANNOTATION_KEYS, ({"Owner.example.com/who": "me"},), ({"an owner": "me"}, {"a..b/c": "", "": "a"})
    ),
    Format(Labels, LABEL_KEYS, ({"pool": "a"}, {"a.b/c": ""}), ({"gpu type": "a"}, {"": "a"}, {"A.b/c": "a"})),
    Format(
        Resources,
        RESOURCE_NAMES,
        ({"cpu": "500m"}, {"nvidia.com/gpu": 1, "memory": "1Gi"}),
        ({"a gpu": 1}, {"": 1}, {"/a": 1}, {"A.com/b": 1}),
    ),
    Format(
        Resources,
        WHOLE_DEVICES,
        ({"nvidia.com/gpu": "2"}, {"nvidia.com/gpu": 2, "cpu": "1.5"}),
        ({"nvidia.com/gpu": "500m"}, {"nvidia.com/gpu": "1.0"}, {"nvidia.com/gpu": "1k"}),
    ),
    Format(
        HEADERS,
        next(rules_of(HEADERS)),
        ({"x-class": "batch"}, {"X_Class": "", "a": "b"}),
        ({"x class": "a"}, {"": "a"}, {"X-ModelFleet-Tier": "a"}, {"a" * 65: "b"}),
    ),
    Format(
        HEADERS,
        tuple(rules_of(HEADERS))[1],
        ({"x-a": "a", "x_a": "a", "X-B": "a"},),
        ({"X-A": "a", "x-a": "a"}, {"x-a": "a", "b": "", "x-A": "b"}),
    ),
    Format(
        AnswerStatus,
        next(rules_of(AnswerStatus)),
        (200, 201, 203, 400, 404, 429, 503, 599),
        (204, 205, 206, 207, 299, 300, 301, 304, 307, 399),
    ),
    Format(
        TrafficClasses,
        next(rules_of(TrafficClasses)),
        ({"batch": {"share": "20%"}}, {"A.b_c": {"share": "20%"}}),
        ({"a class": {"share": "20%"}}, {"": {"share": "20%"}}, {"-a": {"share": "20%"}}),
    ),
)


def rules_in_use() -> Mapping[str, Rule]:
    """The rules on the types of all fields of all kinds, by name."""
    found: dict[str, Rule] = {}
    for root in (*KINDS.values(), ObjectMeta):
        for rule in _walk(root):
            found[rule.name] = rule
    return found


def _walk(annotation: Any) -> Iterator[Rule]:
    yield from rules_of(annotation)
    here = bare(annotation)
    for part in get_args(annotation) if get_origin(annotation) is not Annotated else get_args(annotation)[:1]:
        yield from _walk(part)
    for field in getattr(here, "model_fields", {}).values() if isinstance(annotation, type) else ():
        # What was said about a field's type as a whole has moved to the field.
        yield from (note for note in field.metadata if isinstance(note, Rule))
        yield from _walk(field.annotation)
