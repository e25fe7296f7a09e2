"""A rule that is called shadowed must never have had a request of its own."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelfleet.api.routingpolicy.decision import When
from modelfleet.routing.shadow import covers

SIGNS = {"<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}
PATHS = ("/", "/a", "/a/", "/a/b", "/b")
NAMES = ("x", "y")
VALUES = ("1", "2")

CONDITIONS = st.fixed_dictionaries(
    {},
    optional={
        "stream": st.booleans(),
        "path": st.sampled_from([*PATHS, "/*", "/a*", "/a/*"]),
        "promptBytes": st.builds("{}{}".format, st.sampled_from(sorted(SIGNS)), st.integers(0, 4)),
        "headers": st.lists(
            st.tuples(st.sampled_from(["x", "X", "y"]), st.sampled_from(VALUES)),
            min_size=1,
            max_size=2,
            unique_by=lambda header: header[0].lower(),
        ).map(dict),
        "missing": st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
        "empty": st.lists(st.sampled_from(NAMES), min_size=1, unique=True),
    },
)
REQUESTS = st.fixed_dictionaries(
    {
        "stream": st.booleans(),
        "path": st.sampled_from(PATHS),
        "promptBytes": st.integers(0, 5),
        "headers": st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VALUES)),
        "body": st.dictionaries(st.sampled_from(NAMES), st.sampled_from([None, "", "full"])),
    }
)


def fits(request: dict[str, Any], when: dict[str, Any]) -> bool:
    """What the reference says of conditions, said again in the plainest way."""
    body, number, path = request["body"], request["promptBytes"], when.get("path", request["path"])
    sign = when.get("promptBytes", ">=0").rstrip("0123456789")
    begins = path.endswith("*") and request["path"].startswith(path[:-1])
    return (
        when.get("stream", request["stream"]) == request["stream"]
        and (begins or path == request["path"])
        and SIGNS[sign](number, int(when.get("promptBytes", ">=0").removeprefix(sign)))
        and all(request["headers"].get(name.lower()) == value for name, value in when.get("headers", {}).items())
        and ("missing" not in when or any(body.get(name) is None for name in when["missing"]))
        and ("empty" not in when or any(body.get(name) == "" for name in when["empty"]))
    )


@given(CONDITIONS, CONDITIONS, st.lists(REQUESTS, min_size=5, max_size=20))
def test_what_fits_a_covered_condition_fits_the_one_that_covers_it(
    wide: dict[str, Any], narrow: dict[str, Any], requests: list[dict[str, Any]]
) -> None:
    if covers(When.model_validate(wide), When.model_validate(narrow)):
        assert [request for request in requests if fits(request, narrow) and not fits(request, wide)] == []


@given(CONDITIONS, CONDITIONS)
def test_more_conditions_never_fit_more(one: dict[str, Any], other: dict[str, Any]) -> None:
    both = When.model_validate({**one, **other})
    assert covers(When.model_validate(other), both)
    assert covers(None, both)
    assert covers(both, both)
