"""Names and values that the API takes, among them those that are hardest on whoever passes them on.

Each pool holds what its type allows at the edge: the longest, the shortest, what looks like a number or a word of
another tongue, what differs in case alone, and what our own resources are called.
"""

from tests.support.hostile.words import TEXTS

PORT = 18080
"""Stands in an address for the port of whoever serves a test."""

DNS_NAMES = (
    *(
        "a",
        "b",
        "a.b",
        "a-b",
        "ab",
        "0",
        "1e3",
        "true",
        "null",
        "no",
        "gate",
        "way",
        "default",
        "3x200ms",
        "connect-100ms",
    ),
    *(
        "modelfleet",
        "xn--80ak6aa92e",
        "a.b.c.d.e",
        "localhost",
        "127.0.0.1",
        "x" * 253,
        "models",
        "x" * 126 + "." + "y" * 126,
    ),
)
NAMESPACES = ("default", "default", "default", "team-b", "n", "0", "gate", "v1", "x" * 63)
LABELS = (
    "a",
    "b",
    "light",
    "mid",
    "large",
    "0",
    "1e3",
    "true",
    "null",
    "gate",
    "default-1",
    "answer",
    "x" * 63,
    "y--y",
)
SERVED = (
    *(
        "auto",
        "Auto",
        "AUTO",
        "a",
        "b",
        "a/b",
        "a:b",
        "a@b",
        "..",
        ".",
        "/",
        "//",
        "../../etc/passwd",
        ":",
        "@",
        "-",
        "--",
        "_",
    ),
    *(
        "__proto__",
        "constructor",
        "null",
        "true",
        "1",
        "0x1f",
        "1e308",
        "NaN",
        "default/a/way",
        "modelfleet.way",
        "gate",
    ),
    *(
        "v1/models",
        "x" * 253,
        "x" * 252,
        "meta-llama/Llama-3.1-8B",
        "gpt:4@2026-01-01",
        "http://a/b",
        "a_b",
        "a-b",
        "a.b",
    ),
)
HOSTS = (
    *(
        "ai.example.com",
        "a",
        "b",
        "0",
        "localhost",
        "127.0.0.1",
        "1.1.1.1",
        "xn--80ak6aa92e.example",
        "modelfleet",
        "gate",
    ),
    *("x" * 253, "a.b.c.d.e.f", "v1", "null", "ai.example", "a-b.example", "a.b.example"),
)
GATEWAYS = ("default", "default", "default", "other", "gate", "x" * 63)
WORDS = (
    "a",
    "A",
    "eu-west-1",
    "search",
    "legal",
    "other",
    "anonymous",
    "0",
    "1e3",
    "null",
    "true",
    "x" * 63,
    "a_b.c-d",
)
FREE_HEADERS = ("x-session", "X-Session", "x_under", "_", "a", "0", "a" * 64, "x-class", "x-retrieval", "x-modelfleet")
"""Headers that nobody but the caller sends."""
HEADERS = (
    *(FREE_HEADERS * 4),
    *(
        "-",
        "cookie",
        "accept",
        "authorization",
        "host",
        "content-length",
        "content-type",
        "transfer-encoding",
        "connection",
        "te",
        "upgrade",
    ),
    *("x-request-id", "x-envoy-attempt-count", "x-forwarded-for", "x-request-timeout", "expect", "range"),
)
PATHS = (
    *(
        "/v1/chat/completions",
        "/v1/*",
        "/",
        "/*",
        "/v1/embeddings",
        "/%00",
        "/v1/../*",
        "//",
        "/" + "x" * 255,
        "/v1/%2e%2e/*",
    ),
    *("/v1/chat/completions*", "/v1/chat/completion", "/V1/*", "/v1/;a=b", "/v1/%", "/%25*"),
)
ITEMS = (
    *(
        "messages",
        "metadata.ticket",
        "model",
        "a.0",
        "_",
        "__proto__.a",
        "header:x-retrieval",
        "header:X-Session",
        "header:_",
    ),
    *(
        "header:host",
        "messages.content",
        "x" * 128,
        ".".join("a" * 64),
        "input",
        "stream",
        "user",
        "metadata",
        "header:cookie",
    ),
)
DURATIONS = (
    "1ms",
    "99ms",
    "100ms",
    "720h",
    "0h1ms",
    "99999ms",
    "1h1h1h1h",
    "00001s",
    "719h59m59s999ms",
    "1s500ms",
    "43200m",
)
LASTING = ("5s", "20s", "30s", "1m", "1h30m", "720h", "00030s", "9s999ms", "10m")
"""Long enough for whoever answers at once, on a machine that others use, too."""
QUANTITIES = (1, 6, "24Gi", "500m", "1.5", ".5", "5.", "2e3", "2E-3", "1n", "1Ei", "1E", "1e99", 999_999_999_999_999)
PRICES = ("0", "0.71", "999999999.999999999", "007", "3")
COMPARISONS = (">0", "<0", ">=0", "<=999999999999", ">100", ">=100000", "<=5", "<20", ">000000000001")
IMAGES = ("a", "a:1", "localhost:5000/a/b", "a@sha256:" + "0" * 64, "registry.example.com/a/b:tag")
SOURCES = ("hf://a/b", "s3://b/k", "file:///models", "pvc://models/a", "https://a/b", "oci://r/i:t", "hf://%00%2e")
ENV_NAMES = ("A", "a.b", "_", "-a", "PATH", "LD_PRELOAD", "__proto__", "X" * 253)
ENTRIES = ("token", "a.b", "-", "..", "_", "TLS_KEY", "x" * 253)
TOKENS = (
    "t",
    "sk-1234",
    "%REQ(authorization)%",
    "${x}",
    "]] .. os.exit() --",
    '"',
    "\\",
    " spaced ",
    "{{x}}",
    "x" * 4096,
    "%",
)
"""What may go along as a key: whatever a header can hold."""
PRIVATE_TOKENS = ("", " ", "a\r\nx-injected: 1", "\x00", "é", "\U0001f600", "a\nb")
"""What may not."""
URLS = (
    *((f"http://127.0.0.1:{PORT}/v1",) * 15),
    *(f"http://127.0.0.1:{PORT}{path}" for path in ("/v1", "", "/", "/v1/", "/a/b/c/", "/%2e%2e/v1", "/v1//", "/;x=1")),
    *(f"http://127.0.0.1:{PORT}{path}" for path in ("/%00", "/%", "/$%7Bx%7D/*", "/v1/%0d%0a", "/" + "p" * 900, "/..")),
    *(
        "http://127.0.0.1:1/v1",
        "https://127.0.0.1:1/v1",
        "http://[::1]:1/v1",
        "https://[::1]/v1",
        "http://127.0.0.2:65535",
    ),
    *("https://localhost:1/v1", f"http://localhost:{PORT}/v1", f"http://LOCALHOST:{PORT}/V1", "http://localhost:1"),
    *(
        "http://[::ffff:7f00:1]:1/v1",
        "http://127.1:1",
        "http://0x7f.1:1",
        "http://2130706433:1",
    ),
    *(
        "http://127.0.0.999:1",
        "http://0:1",
    ),
    *("http://" + "x" * 300 + ".localhost:1", "http://" + "a." * 150 + "localhost:1", "http://a--a.localhost:1/v1"),
)
FREE_TEXTS = tuple(text for text in TEXTS if text and "\ud800" not in text)
"""For fields that take any text but none. Halves of surrogate pairs reach them as U+FFFD, and damage brings those."""


def texts(longest: int, *, empty: bool = False) -> tuple[str, ...]:
    """Hostile texts for a field that takes any text up to a length."""
    fitting = tuple(text for text in FREE_TEXTS if len(text) <= longest)
    return (*fitting, "x" * longest, "\U0001f600" * longest, *([""] if empty else []))
