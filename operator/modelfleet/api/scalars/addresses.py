"""Where something is: an address, an image, the weights of a model, a path of a request."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.model import String
from modelfleet.api.scalars.text import pattern_rule

PART = "[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?"
GROUP = "[0-9A-Fa-f]{1,4}"


def _shortened(groups: int) -> str:
    """IPv6 with so many groups in front of the `::`, which stands for at least one of the eight."""
    front = f"({GROUP}:){{{groups}}}:" if groups else "::"
    rest = 7 - groups
    return front + (f"({GROUP}(:{GROUP}){{0,{rest - 1}}})?" if rest else "")


OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
MAPPED = rf"::[Ff]{{4}}:{OCTET}(\.{OCTET}){{3}}"
"""IPv4 as IPv6 has it, the one form with dots that people write."""
IPV6 = "|".join((f"({GROUP}:){{7}}{GROUP}", *map(_shortened, range(8)), MAPPED))
"""One pattern for both sides: not every API server that we run on knows addresses."""
HOST = rf"({PART}(\.{PART})*|\[({IPV6})\])"
PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
PATH = "(/[A-Za-z0-9._~!$&()*+,;=:@%/-]*)?"

Url = Annotated[
    String,
    Field(max_length=1024),
    pattern_rule(
        "url",
        f"https?://{HOST}(:{PORT})?{PATH}",
        "must be an address such as https://api.example.com/v1: http or https, a host, and no user, query or fragment",
        "api.example.com/v1",
    ),
]

Image = Annotated[
    String,
    Field(max_length=512),
    pattern_rule(
        "image",
        r"[A-Za-z0-9][A-Za-z0-9._-]*(:[0-9]{1,5})?(/[A-Za-z0-9._-]+)*(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@sha256:[0-9a-f]{64})?",
        "must be a container image such as registry.example.com/team/engine:1.2",
        "'engine 1.2'",
    ),
]

ModelSource = Annotated[
    String,
    Field(max_length=1024),
    pattern_rule(
        "model-source",
        r"(hf|s3|gs|az|oci|pvc|file|https)://[A-Za-z0-9._~!$&()*+,;=:@%/-]+",
        "must say where the weights are: hf://, s3://, gs://, az://, oci://, pvc://, file:// or https://, and a path",
        "meta-llama/Llama-3.1-8B-Instruct",
    ),
]

RequestPath = Annotated[
    String,
    Field(max_length=256),
    pattern_rule(
        "request-path",
        r"/[A-Za-z0-9._~!$&()+,;=:@%/-]*\*?",
        "must be a path such as /v1/embeddings, or the beginning of one such as /v1/*",
        "v1/embeddings",
    ),
]
