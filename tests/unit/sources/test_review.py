import json
import random
import tracemalloc
from collections.abc import Collection, Iterator

import pytest

from modelfleet.findings import Path, Severity
from modelfleet.sources.files import Source
from modelfleet.sources.reading.problems import Origin, Position
from modelfleet.sources.reading.yaml import positions
from modelfleet.sources.review import Located, Review, review_sources
from tests.sizes import scale
from tests.support.fleets import generated_fleet


def review(texts: dict[str, str]) -> Review:
    return review_sources((Source(name, text.encode()) for name, text in texts.items()), "default")


def shuffled(texts: dict[str, str], seed: int) -> Iterator[tuple[str, str]]:
    names = list(texts)
    random.Random(seed).shuffle(names)
    return ((name, texts[name]) for name in names)


def test_findings_are_the_same_whatever_the_order_of_the_files() -> None:
    texts = {f"{index}.yaml": text for index, text in enumerate(generated_fleet(120, broken=0.3, seed=7))}
    expected = review(texts)
    assert len(expected.findings) > 40
    for seed in range(scale(5, 50)):
        found = review(dict(shuffled(texts, seed)))
        assert found.findings == expected.findings
        assert (found.files, found.objects) == (expected.files, expected.objects)


def test_the_second_of_two_equal_objects_is_told_whatever_the_order() -> None:
    text = next(generated_fleet(1, broken=0, seed=1))
    for texts in ({"a.yaml": text, "b.yaml": text}, {"b.yaml": text, "a.yaml": text}):
        (finding,) = review(texts).findings
        assert (finding.file, finding.reason) == ("b.yaml", "DuplicateObject")
        assert "is declared at a.yaml:1 already" in finding.message


def test_an_object_that_is_invalid_can_be_referred_to_all_the_same() -> None:
    hardware = "{apiVersion: modelfleet.dev/v1alpha1, kind: HardwareClass, metadata: {name: a}, spec: {family: 1}}"
    model = (
        "{apiVersion: modelfleet.dev/v1alpha1, kind: ModelDeployment, metadata: {name: m},"
        " spec: {model: {name: m}, engine: {name: sim}, placement: {classes: [{name: a}]}}}"
    )
    found = review({"a.yaml": hardware, "m.yaml": model}).findings
    assert {finding.file for finding in found} == {"a.yaml"}


def model(name: str, fields: str = "") -> str:
    head = f"apiVersion: modelfleet.dev/v1alpha1\nkind: ModelDeployment\nmetadata: {{name: {name}}}\n"
    return f"{head}spec:\n  model: {{name: m}}\n  external: {{url: 'http://models.example.com'}}\n{fields}"


def unknown(count: int) -> str:
    return "".join(f"  f{number}: 1\n" for number in range(count))


def listed(*objects: str) -> str:
    items = "".join(f"- {text.strip()}\n".replace("\n", "\n  ").rstrip(" ") for text in objects)
    return f"apiVersion: v1\nkind: List\nitems:\n{items}"


def test_each_document_is_read_once_more_whatever_the_order_of_its_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Origin] = []

    def counting(origin: Origin, paths: Collection[Path]) -> dict[Path, Position]:
        asked.append(origin)
        return positions(origin, paths)

    monkeypatch.setattr("modelfleet.sources.review.positions", counting)
    # In the order of the names each object is in another file than the one before it.
    texts = {f"{file}.yaml": listed(*(model(f"m{n}-{file}") for n in range(5))) for file in range(6)}
    findings = review(texts).findings
    assert [(one.file, one.line) for one in findings] == [(f"{f}.yaml", 9 + 6 * n) for f in range(6) for n in range(5)]
    assert len(asked) == len(set(asked)) == 6


def test_objects_of_others_are_not_kept() -> None:
    def sources() -> Iterator[Source]:
        for number in range(30):
            text = f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{number}}}\ndata: {{a: {'x' * 1_000_000}}}\n"
            yield Source(f"{number}.yaml", text.encode())

    tracemalloc.start()
    try:
        found = review_sources(sources(), "default")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.objects == 30
    assert peak < 12_000_000


def test_after_100_findings_of_an_object_there_is_one_word_about_the_rest() -> None:
    findings = review({"a.yaml": listed(model("a", unknown(150)), model("b", unknown(2)))}).findings
    first = [one for one in findings if one.subject.name == "a"]
    assert len(first) == 101
    assert [one.line for one in first] == [9, *range(10, 109), 109]
    message, (reason, subject) = "and 51 more findings in this object", first[-2][-2:]
    assert first[-1] == Located("a.yaml", 109, 5, Severity.ERROR, ".", message, reason, subject)
    assert [one.path for one in findings[101:]] == ["spec.external.url", "spec.f0", "spec.f1"]


def test_the_word_about_the_rest_is_the_last_also_where_all_stands_at_one_place() -> None:
    # JSON that is no YAML has the place of its beginning for everything.
    metadata = {"name": "m", "annotations": {"a": "\x7f"}}
    spec = {"model": {"name": "m"}, "engine": {"name": "sim"}} | {f"f{number}": 1 for number in range(102)}
    raw = {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ModelDeployment", "metadata": metadata, "spec": spec}
    *told, rest = review({"a.json": json.dumps(raw, ensure_ascii=False)}).findings
    assert {(one.line, one.column) for one in (*told, rest)} == {(1, 1)}
    assert (len(told), rest.message) == (100, "and 2 more findings in this object")


def test_one_finding_more_than_100_is_one() -> None:
    findings = review({"a.yaml": model("a", unknown(100))}).findings
    assert findings[-1].message == "and 1 more finding in this object"
    assert len(findings) == 101


def test_what_is_absent_is_told_in_the_order_of_the_names() -> None:
    names = ("b", "c", "a")
    sources = (Source(name, None, "does not exist", missing=True) for name in names)
    assert review_sources(sources, "default").absent == [f"{name}: does not exist" for name in sorted(names)]
