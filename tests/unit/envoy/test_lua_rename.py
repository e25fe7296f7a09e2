"""What Envoy calls at a later try: each model hears its own name, and every other byte as it came."""

from tests.support.luajourney import BODY
from tests.unit.envoy.journeys import NAMES, among, falling


def test_each_model_hears_its_own_name_and_every_other_byte_as_it_came() -> None:
    asked = falling().ask().refused().refused()
    assert [it.body for it in asked.sent] == [BODY.replace(b"auto", b"engine-" + name.encode()) for name in NAMES]
    assert [int(it.headers["content-length"]) for it in asked.sent] == [len(it.body) for it in asked.sent]


def test_a_body_is_not_touched_for_a_model_of_the_same_name() -> None:
    asked = among(*["model: {name: auto}"] * 3).ask().refused().refused()
    assert [it.body for it in asked.sent] == [BODY] * 3
    assert "content-length" not in asked.sent[-1].headers


def test_a_length_is_that_of_the_body_also_where_a_name_comes_back() -> None:
    asked = among(*(f"model: {{name: {name}}}" for name in ("a", "longer", "a"))).ask().refused().refused()
    assert [it.body for it in asked.sent] == [BODY.replace(b"auto", name) for name in (b"a", b"longer", b"a")]
    assert [int(it.headers["content-length"]) for it in asked.sent] == [len(it.body) for it in asked.sent]


def test_a_name_that_was_written_for_a_model_without_a_replica_is_written_over_again() -> None:
    worker = among(*(f"model: {{name: {name}}}" for name in ("a", "longer", "auto")))
    worker.absent = {"default/two/way"}
    asked = worker.ask().refused()
    assert [it.body for it in asked.sent] == [BODY.replace(b"auto", b"a"), BODY]
    assert int(asked.sent[-1].headers["content-length"]) == len(BODY)


def test_a_repeat_hears_the_same_name() -> None:
    asked = falling(retries={"attempts": 1}).ask().refused().refused().refused()
    names = (b"engine-one", b"engine-one", b"engine-two", b"engine-two")
    assert [it.body for it in asked.sent] == [BODY.replace(b"auto", name) for name in names]
