"""A chain of filters below the retries, passed as Envoy passes it: in order there, the other way round back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modelfleet.envoy.script import ENTRIES, bundle

ENTRY = {bundle(entry): entry for entry in ENTRIES}
Filters = Sequence[Mapping[str, Any]]
Pairs = list[tuple[str, str]]


class Chain:
    """The filters of one try, of which the request's headers decide who is skipped."""

    def __init__(self, filters: Filters, values: Mapping[str, str]) -> None:
        """`values` are those of Envoy's commands at the endpoint of this try."""
        self._waiting, self._values = list(filters), values
        self._passed: list[Mapping[str, Any]] = []

    def request(self, pairs: Pairs, run: Callable[[str, Pairs], Pairs]) -> Pairs:
        """What the headers are behind all filters. `run` runs what is no mutation of headers, by its name."""
        for it in self._waiting:
            inner, matcher = unwrapped(it)
            if not (matcher and skips(matcher, dict(pairs))):
                self._passed.append(inner)
                pairs = self._mutated(inner, "request_mutations", pairs) or run(name_of(inner), pairs)
        return pairs

    def response(self, pairs: Pairs, run: Callable[[str, Pairs], Pairs]) -> Pairs:
        for it in reversed(self._passed):
            pairs = self._mutated(it, "response_mutations", pairs) or run(name_of(it), pairs)
        return pairs

    def _mutated(self, it: Mapping[str, Any], way: str, pairs: Pairs) -> Pairs | None:
        mutations = _config(it).get("mutations")
        if mutations is None:
            return None
        for mutation in mutations.get(way, []):
            pairs = self._changed(mutation, pairs)
        return pairs

    def _changed(self, mutation: Any, pairs: Pairs) -> Pairs:
        if "remove_on_match" in mutation:
            prefix = mutation["remove_on_match"]["key_matcher"]["prefix"]
            return [pair for pair in pairs if not pair[0].startswith(prefix)]
        header = mutation["append"]["header"]
        value = header["value"]
        for command, said in self._values.items():
            value = value.replace(command, said)
        assert "%" not in value, value
        # Envoy puts no header on that has nothing to say.
        others = [pair for pair in pairs if pair[0] != header["key"]]
        return [*others, (header["key"], value)] if value else pairs


def unwrapped(it: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    """A filter, and by what some messages are spared it."""
    config = it.get("typed_config", {})
    return (config["extension_config"], config["xds_matcher"]) if "xds_matcher" in config else (it, None)


def skips(matcher: Any, headers: Mapping[str, str]) -> bool:
    """Whether a message with these headers is spared the filter."""
    (only,) = matcher["matcher_list"]["matchers"]
    assert only["on_match"]["action"]["name"] == "skip"
    return _holds(only["predicate"], headers)


def _holds(predicate: Any, headers: Mapping[str, str]) -> bool:
    if "not_matcher" in predicate:
        return not _holds(predicate["not_matcher"], headers)
    single = predicate["single_predicate"]
    found = headers.get(single["input"]["typed_config"]["header_name"])
    ((how, wanted),) = single["value_match"].items()
    return found is not None and (found == wanted if how == "exact" else wanted in found)


def name_of(it: Mapping[str, Any]) -> str:
    """Of a script its entry, of anything else the filter's name."""
    text = _config(it).get("default_source_code", {}).get("inline_string")
    return ENTRY[text] if text else str(it["name"])


def _config(it: Mapping[str, Any]) -> Any:
    config = it.get("typed_config", {})
    return config.get("value", config)
