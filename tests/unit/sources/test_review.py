import random
from collections.abc import Iterator

from modelfleet.sources.files import Source
from modelfleet.sources.review import Review, review_sources
from tests.support.fleets import generated_fleet


def review(texts: dict[str, str]) -> Review:
    return review_sources((Source(name, text.encode()) for name, text in texts.items()), "default")


def shuffled(texts: dict[str, str], seed: int) -> Iterator[tuple[str, str]]:
    names = list(texts)
    random.Random(seed).shuffle(names)
    return ((name, texts[name]) for name in names)


def test_findings_are_the_same_in_twenty_orders_of_the_files() -> None:
    texts = {f"{index}.yaml": text for index, text in enumerate(generated_fleet(120, broken=0.3, seed=7))}
    expected = review(texts)
    assert len(expected.findings) > 40
    for seed in range(20):
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
