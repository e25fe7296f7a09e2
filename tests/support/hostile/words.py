"""Texts, numbers and shapes that somebody who means harm, or a slip, would write where a name or a number belongs.

They are kept by what they attack, so that a new place that reads a user's text is met by all of them at once.
"""

from typing import Any

LONG = "x" * 10_240

PLAIN = ("a", "b", "auto", "light", "gpu-l4", "eu-west-1", "search", "chat-small")

TEXTS: tuple[str, ...] = (
    # Too little, too much, and what is there without being seen.
    *("", " ", "\t", "\n", "x" * 63, "x" * 64, "x" * 253, "x" * 254, "x" * 4096, LONG, "é" * 4096, "\U0001f600" * 4096),
    # Control characters and terminals.
    *("\x00", "a\x00b", "\x01\x02\x1f", "\x7f", "\x85", "\x1b[2J\x1b]0;t\x07", "\u2028", "\ufeff", "\ufffe", "\uffff"),
    # Every plane, direction and likeness.
    *("é", "e\u0301", "\u6f22\u5b57", "\U0001f600", "\U0002a6d6", "\U000e0041", "\U0010fffd", "\U000f0000"),
    *(
        "\u202etxt.exe",
        "\u2066a\u2069",
        "a\u200bb",
        "\u0430uto",
        "\uff41\uff55\uff54\uff4f",
        "\u017f",
        "\u0130",
        "\ud800",
    ),
    # Quotes, and the ends of everything that a text may be put into.
    *("'", '"', "`", "\\", '\\"', "a\\", "''", '"}', '"}}],"x":[{"', "</script>", "<!--", "-->", "*/", "//", "#", "--"),
    # Lua.
    *(
        "]]",
        "]=]",
        "]==]",
        "[[",
        "--[[",
        '") os.exit() --',
        "]]; os.exit() --[[",
        "%1",
        "%%",
        "%d",
        "%s%s%s%n",
        "end end",
    ),
    # Envoy's formatters.
    *("%REQ(x)%", "%REQ(authorization)%", "%", "%DYNAMIC_METADATA(modelfleet)%", "%FILTER_STATE(x)%", "%START_TIME("),
    *('%UPSTREAM_METADATA(["a", "b"])%', "%CEL(1)%", "%NOTHING%", "%REQ(x):99999999999%", "%REQ(:path?x)%"),
    # YAML and JSON.
    *(
        "{",
        "}",
        "[",
        "]",
        "{}",
        "[]",
        "- a",
        "a: b",
        ": ",
        "&a",
        "*a",
        "!!python/object:os.system",
        "<<",
        "|",
        ">",
        "?",
    ),
    *("---", "...", "null", "~", "true", "yes", "on", "n", "1e3", "0x1f", "0o17", "1_000", "2026-11-21", "12:30:45"),
    *(
        "NaN",
        ".nan",
        ".inf",
        "-.inf",
        "Infinity",
        "1e308",
        "1e309",
        "-0",
        "9223372036854775808",
        "18446744073709551616",
    ),
    # Headers and paths.
    *(
        "a\r\nx-injected: 1",
        "a\nb",
        "\r\n\r\nGET / HTTP/1.1",
        "a: b",
        "../../etc/passwd",
        "..",
        ".",
        "/",
        "//",
        "%2e%2e%2f",
    ),
    *(
        "/%00",
        "/v1/../..",
        "C:\\",
        "file:///etc/passwd",
        "http://169.254.169.254/",
        "javascript:0",
        "@",
        "a@b",
        "*",
        "?a=b",
    ),
    # Patterns and templates.
    *(
        "(a+)+$",
        "(" * 500,
        "[a-",
        "((a*)*)*b",
        ".*" * 200,
        "${x}",
        "${jndi:ldap://a}",
        "{{7*7}}",
        "{{ .Values.x }}",
        "$(id)",
    ),
    # Names that mean something to somebody.
    *(
        "__proto__",
        "constructor",
        "__class__",
        "default",
        "else",
        "unsure",
        "gate",
        "modelfleet",
        "modelfleet.way",
        "kube-system",
    ),
    *(
        "x-modelfleet-scope",
        "X-Modelfleet-Tier",
        "x-modelfleet-upstream",
        "x-envoy-retry-on",
        ":authority",
        ":path",
        "host",
    ),
    *(
        "default/a/way",
        "*|auto",
        "|",
        "a|b",
        "/v1/models/",
        "AUTO",
        "Auto",
        "1h1h1h1h1h",
        "1e9h",
        "-1s",
        "0s",
        "99999999h",
    ),
    *("100%", "0%", "1000%", "<0", "<1.0000000", ">", ">=-1", "1Ei", "0Gi", "1e99", "1e100", "-1Gi", ".", "5."),
)

NUMBERS: tuple[Any, ...] = (
    *(
        0,
        -0.0,
        1,
        -1,
        2,
        0.5,
        1.0,
        1.5,
        100,
        101,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63),
    ),
    *(
        10**20,
        10**400,
        1e308,
        -1e308,
        5e-324,
        1e22,
        float("nan"),
        float("inf"),
        float("-inf"),
        4096,
        65536,
        999_999_999,
    ),
)


def _deep(depth: int) -> Any:
    value: Any = "a"
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


SHAPES: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        [],
        {},
        [[]],
        [{}],
        [None],
        {"": None},
        ["a", "a"],
        [1, "a", None, {}],
        {"name": "a"},
        {"a": 1},
    ),
    *(
        {"name": ["a"]},
        {"__proto__": {"a": 1}},
        {"$ref": "#"},
        _deep(50),
        _deep(300),
        ["a"] * 300,
        dict.fromkeys("abcdefghij"),
    ),
    *({text: text for text in TEXTS[:20]}, [{"name": text} for text in TEXTS[20:60]]),
)

DOCUMENTS: tuple[Any, ...] = (
    *(
        None,
        1,
        "a",
        True,
        [],
        {},
        [1, 2],
        {"a": 1},
        {"kind": None},
        {"apiVersion": 1, "kind": 2},
        {"apiVersion": "v1"},
        LONG,
    ),
    {"apiVersion": "modelfleet.dev/v1alpha1"},
    {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "RoutingPolicy"},
    {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "RoutingPolicy", "metadata": None, "spec": None},
    {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "RoutingPolicy", "metadata": {"name": ""}, "spec": []},
    {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "routingpolicy", "metadata": {"name": "a"}, "spec": {}},
    {"apiVersion": "modelfleet.dev/v9", "kind": "RoutingPolicy", "metadata": {"name": "a"}, "spec": {}},
    {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": {"a": 1}},
        "spec": _deep(60),
    },
    {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": ["not", "a", "map"]},
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "keys"},
        "data": {"token": "%%% no base64 %%%", "a": 1},
    },
    {"apiVersion": "v1", "kind": "List", "items": None},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "\x00"}, "spec": _deep(60)},
)
"""What stands where an object should."""
