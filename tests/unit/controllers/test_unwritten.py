"""Which models are not yet written as they are wanted, by the Deployments that are seen."""

from dataclasses import replace
from typing import Any

import pytest

from modelfleet.controllers.families import Family, family_of
from modelfleet.controllers.unwritten import unwritten
from modelfleet.findings import Key
from modelfleet.fleet.workloads import Workload

M = Key("ModelDeployment", "default", "m")


def rendered(kind: str, name: str, replicas: int = 1) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": replicas}


def family(*names: str, replicas: int = 1, kept: dict[str, int] | None = None) -> Family:
    """A Service, and Deployments of these names."""
    made = [rendered("Service", "m"), *(rendered("Deployment", name, replicas) for name in names)]
    return family_of(
        M, "uid", made, {Key("Deployment", "default", name): count for name, count in (kept or {}).items()}
    )


def seen(*of: Family, owner: str = "uid") -> tuple[Workload, ...]:
    """The Deployments of these families as they are found when they are written."""
    every = [child for one in of for child in one.children if child.key.kind == "Deployment"]
    return tuple(Workload(it.key, f"uid-{it.key.name}", owner, "m", "", 1, 1, 1, 1, 1, hash=it.hash) for it in every)


def is_written(wanted: Family, *there: Workload) -> bool:
    found = unwritten({M: wanted}, {M: there} if there else {})
    assert found in ({M}, set())
    return not found


def test_what_is_seen_as_it_is_wanted_is_written() -> None:
    assert is_written(family("a", "b"), *seen(family("a", "b")))
    assert is_written(family())


@pytest.mark.parametrize("there", [(), ("a",), ("b",)])
def test_what_is_missing_is_not(there: tuple[str, ...]) -> None:
    assert not is_written(family("a", "b"), *seen(family(*there)))


def test_what_is_of_another_version_is_not_even_where_only_the_number_of_replicas_differs() -> None:
    assert not is_written(family("a", replicas=2), *seen(family("a")))


def test_what_is_wanted_no_longer_and_still_there_is_not() -> None:
    assert not is_written(family("a"), *seen(family("a", "b")))
    assert not is_written(family(), *seen(family("a")))


def test_what_belongs_to_somebody_else_is_none_of_it() -> None:
    assert is_written(family("a"), *seen(family("a")), *seen(family("b"), owner="another"))
    assert is_written(family("a"), *seen(family("a")), *seen(family("b"), owner=""))


def test_what_was_made_for_another_object_of_the_name_is_another_version() -> None:
    (there,) = seen(family("a"))
    assert not is_written(family("a"), replace(there, hash=there.hash.replace("-", "-0")))


def test_what_stays_on_a_class_that_is_gone_is_written_once_it_has_its_number_of_replicas() -> None:
    there = seen(family("a", "gone"))
    assert is_written(family("a", kept={"gone": 1}), *there)
    assert not is_written(family("a", kept={"gone": 0}), *there)


def test_a_model_that_nothing_is_wanted_for_is_not_looked_at() -> None:
    assert unwritten({}, {M: seen(family("a"))}) == set()
