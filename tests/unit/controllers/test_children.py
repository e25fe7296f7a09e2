"""The writer of children before a server of this test's own: what real ones seldom do, and when it stops."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from modelfleet.controllers import children as module
from modelfleet.controllers.children import NEW, ChildSync
from modelfleet.controllers.families import Family, family_of
from modelfleet.controllers.paces import Paces
from modelfleet.findings import Key
from modelfleet.fleet.labels import HASH
from modelfleet.kube.errors import Conflict, Forbidden, NotFound
from modelfleet.kube.rate import TokenBucket
from modelfleet.sources.kinds import scopes
from modelfleet.sources.store import FleetStore
from modelfleet.telemetry import WriterTelemetry
from tests.support.documents import document

M = Key("ModelDeployment", "default", "m")
S, D = Key("Service", "default", "m"), Key("Deployment", "default", "m-cpu")
OWNER = {"name": "m", "namespace": "default", "uid": "u1", "resourceVersion": "1"}
SOON, AWHILE_S = 5.0, 0.12
Object = dict[str, Any]


def rendered(key: Key, **spec: Any) -> Object:
    labels = {"app.kubernetes.io/managed-by": "modelfleet"}
    metadata = {"name": key.name, "namespace": key.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": key.kind, "metadata": metadata, "spec": spec}


class Server:
    """Applies whole objects as they come, knows versions, and does what the test puts in its way."""

    def __init__(self, store: FleetStore) -> None:
        self.store = store
        self.held: dict[str, Object] = {}
        self.asked: list[str] = []
        self.version = 10
        self.before: Callable[[str, str], None] = lambda _method, _path: None
        self.changing: Callable[[Object], None] = lambda _: None

    def request(self, method: str, path: str, **parts: Any) -> Object:
        self.asked.append(f"{method} {path.rpartition('/')[2]}")
        self.before(method, path)
        body: Mapping[str, Any] = parts.get("body") or {}
        there = self.held.get(path)
        if method == "GET" or (method == "DELETE" and there is None):
            if there is None:
                raise NotFound("no", status=404)
            return copy.deepcopy(there)
        if method == "DELETE":
            self.tell(self.held.pop(path), gone=True)
            return {"kind": "Status"}
        seen = body["metadata"]["resourceVersion"]
        if there and seen != there["metadata"]["resourceVersion"]:
            raise Conflict("somebody was faster", status=409)
        made = copy.deepcopy(dict(body))
        made["metadata"] = {**made["metadata"], "uid": there["metadata"]["uid"] if there else f"uid-{len(self.asked)}"}
        return self.put(path, made)

    def put(self, path: str, made: Object) -> Object:
        """An object as it is stored, with a new version."""
        self.version += 1
        self.changing(made)
        self.held[path] = {**made, "metadata": {**made["metadata"], "resourceVersion": str(self.version)}}
        return copy.deepcopy(self.held[path])

    def tell(self, raw: Object, *, gone: bool = False) -> None:
        self.version += 1
        self.store.observe({**raw, "metadata": {**raw["metadata"], "resourceVersion": str(self.version)}}, gone=gone)


class Desk:
    """A writer, its server, and who may write."""

    def __init__(self) -> None:
        self.store, self.telemetry = FleetStore(scopes()), WriterTelemetry()
        for scope in scopes():
            self.store.replace(scope, [], "1")
        self.server, self.may, self.heard = Server(self.store), True, 0
        bucket = TokenBucket(10_000, 10_000)
        self.children = ChildSync(self.server, self.store, lambda: self.may, bucket, self.telemetry, self._hear)
        self.owned("u1")

    def _hear(self) -> None:
        self.heard += 1

    def owned(self, uid: str, **metadata: Any) -> None:
        self.server.version += 1
        made = document("ModelDeployment", name="m")
        told = {"namespace": "default", "uid": uid, "resourceVersion": str(self.server.version), "generation": 1}
        self.store.observe({**made, "metadata": {**made["metadata"], **told, **metadata}})

    def want(self, *objects: Object, uid: str = "u1", kept: Mapping[Key, int] | None = None) -> Family:
        family = family_of(M, uid, objects, kept)
        self.children.apply({M: family})
        return family

    def rest(self) -> None:
        """Until nothing waits, or all that does waits for its time."""
        calm, end = 0, time.monotonic() + SOON
        # Twice: between its end and its next time an object stands nowhere.
        while time.monotonic() < end and calm < 2:
            calm = calm + 1 if self.is_calm() else 0
            time.sleep(0.01)

    def is_calm(self) -> bool:
        queue = self.children._crew._queue
        with queue._condition:
            return not queue._taken and all(due > time.monotonic() + AWHILE_S for due in queue._due.values())

    def writes(self) -> list[str]:
        return [one for one in self.server.asked if not one.startswith("GET")]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(module, "EACH_S", 0.01)
    made = Desk()
    made.children.start()
    yield made
    made.children.stop()


def test_what_is_there_is_not_written_again_whoever_looks(desk: Desk) -> None:
    family = desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    assert desk.server.asked == ["PATCH m", "PATCH m-cpu"], "nothing is read where nothing stands in the way"
    for _ in range(3):
        desk.children.look_at_all()
        desk.children.look(S)
        desk.children.apply({M: family})
        desk.children.apply({M: family_of(M, "u1", [rendered(S, a=1), rendered(D, replicas=1)])})
        desk.rest()
    assert len(desk.server.asked) == 2


def test_what_something_changes_on_its_way_in_is_not_fought_over(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.server.changing = lambda made: made["spec"].update(image="mirror/engine")
    desk.want(rendered(D, image="engine"))
    desk.rest()
    desk.children.look_at_all()
    desk.rest()
    assert desk.writes() == ["PATCH m-cpu"]
    assert "m-cpu is not stored as it was applied" in caplog.text
    desk.want(rendered(D, image="engine", replicas=2))
    desk.rest()
    assert len(desk.writes()) == 2, "what is wanted has changed"


def test_who_may_no_longer_write_begins_nothing_in_the_middle_of_a_family(desk: Desk) -> None:
    def lose(_method: str, _path: str) -> None:
        desk.may = False

    desk.server.before = lose
    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    assert desk.writes() == ["PATCH m"]
    desk.may, desk.server.before = True, lambda _method, _path: None
    desk.children.look_at_all()
    desk.rest()
    assert desk.writes() == ["PATCH m", "PATCH m-cpu"]


def test_nothing_is_written_for_a_model_that_is_another_goes_or_is_gone(desk: Desk) -> None:
    desk.want(rendered(S, a=1), uid="of another")
    desk.rest()
    desk.owned("u2", deletionTimestamp="2026-01-01T00:00:00Z", generation=2)
    desk.want(rendered(S, a=1), uid="u2")
    desk.rest()
    assert desk.server.asked == []


def test_a_new_object_is_applied_so_that_it_takes_nothing_over(desk: Desk) -> None:
    seen: list[str] = []
    real = desk.server.request

    def request(method: str, path: str, **parts: Any) -> Object:
        seen.append(parts["body"]["metadata"]["resourceVersion"])
        return real(method, path, **parts)

    desk.server.request = request  # type: ignore[method-assign]
    desk.want(rendered(S, a=1))
    desk.rest()
    desk.want(rendered(S, a=2))
    desk.rest()
    assert seen == [NEW, "12"]


def test_a_trouble_is_told_once_and_ends_when_its_object_is_wanted_no_more(desk: Desk) -> None:
    def refuse(method: str, path: str) -> None:
        if method == "PATCH" and path.endswith("m-cpu"):
            raise Forbidden("exceeded quota: few", status=403)

    desk.server.before = refuse
    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    desk.children.look_at_all()
    desk.rest()
    assert [one.reason.value for one in desk.children.refused()[M]] == ["QuotaExceeded"]
    assert desk.heard == 1
    desk.want(rendered(S, a=1))
    assert desk.children.refused() == {}
    assert desk.heard == 2
    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    desk.children.apply({})
    assert desk.children.refused() == {}


def test_a_deletion_that_is_refused_is_a_trouble_until_the_object_is_gone(desk: Desk) -> None:
    def refuse(method: str, _path: str) -> None:
        if method == "DELETE":
            raise Forbidden('User "me" cannot delete resource "deployments" in API group "apps"', status=403)

    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    desk.server.before = refuse
    desk.want(rendered(S, a=1))
    desk.rest()
    ((trouble,),) = desk.children.refused().values()
    assert "may not delete deployments.apps" in trouble.message
    assert desk.telemetry.denied.labels("delete", "deployments")._value.get() >= 1
    path = next(path for path in desk.server.held if path.endswith("m-cpu"))
    desk.server.tell(desk.server.held.pop(path), gone=True)
    desk.children.look(M)
    desk.rest()
    assert desk.children.refused() == {}


def test_what_could_not_be_read_is_not_pruned(desk: Desk) -> None:
    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    scope = next(scope for scope in scopes() if scope.watched.kind == "Deployment")
    desk.store._unread[scope] = "403"
    desk.want(rendered(S, a=1))
    desk.rest()
    assert "DELETE m-cpu" not in desk.server.asked
    del desk.store._unread[scope]
    desk.children.look(M)
    desk.rest()
    assert desk.server.asked[-1] == "DELETE m-cpu"


def test_what_goes_before_its_owner_is_told_to_be_gone_is_not_made_again(desk: Desk) -> None:
    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    for path in list(desk.server.held):
        desk.server.tell(desk.server.held.pop(path), gone=True)
        desk.children.look(S)
    time.sleep(module.GONE_S / 3)
    desk.server.tell({**document("ModelDeployment", name="m"), "metadata": OWNER}, gone=True)
    time.sleep(module.GONE_S * 2)
    assert desk.writes() == ["PATCH m", "PATCH m-cpu"]


def test_what_is_gone_while_its_owner_is_there_is_made_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GONE_S", 0.2)
    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    for _ in range(2):
        (path,) = (path for path in desk.server.held if path.endswith("/m"))
        desk.server.tell(desk.server.held.pop(path), gone=True)
        began = time.monotonic()
        desk.children.look(S)
        while path not in desk.server.held:
            assert time.monotonic() - began < SOON
            time.sleep(0.01)
        assert time.monotonic() - began >= module.GONE_S
    assert desk.writes() == ["PATCH m", "PATCH m-cpu", "PATCH m", "PATCH m"]


def test_an_object_that_goes_is_waited_for(desk: Desk) -> None:
    desk.want(rendered(S, a=1), rendered(D, replicas=1))
    desk.rest()
    path = next(path for path in desk.server.held if path.endswith("/m"))
    held = desk.server.held[path]
    desk.server.tell({**held, "metadata": {**held["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}})
    desk.want(rendered(S, a=2), rendered(D, replicas=1))
    desk.rest()
    assert desk.writes() == ["PATCH m", "PATCH m-cpu"]


def test_an_object_that_others_write_without_end_is_written_at_its_pace(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.children, "_paces", Paces(60.0, 300.0))
    desk.want(rendered(D, replicas=1))
    desk.rest()
    (path,) = desk.server.held
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        theirs = copy.deepcopy(desk.server.held[path])
        theirs["spec"] = {"replicas": 9}
        desk.store.observe(desk.server.put(path, theirs))
        desk.children.look(D)
        time.sleep(0.01)
    assert 5 <= len(desk.writes()) <= 12


def test_the_hash_tells_what_and_for_whom(desk: Desk) -> None:
    one, same, other, elsewhere = (
        family_of(M, uid, [rendered(D, replicas=count)]).children[0]
        for uid, count in (("u1", 1), ("u1", 1), ("u1", 2), ("u2", 1))
    )
    assert one == same
    brand, _, content = one.hash.partition("-")
    assert other.hash.startswith(f"{brand}-")
    assert not elsewhere.hash.startswith(f"{brand}-")
    assert not other.hash.endswith(content)
    metadata = one.whole["metadata"]
    assert metadata["annotations"] == {HASH: one.hash}
    assert metadata["ownerReferences"][0]["uid"] == "u1"
    assert desk.server.asked == []


def test_an_error_that_nobody_has_thought_of_keeps_nobody_else_waiting(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_method: str, path: str) -> None:
        if path.endswith("/m"):
            raise RuntimeError("a mistake of ours")

    desk.server.before = fail
    desk.want(rendered(S, a=1))
    desk.rest()
    assert "a mistake of ours" in caplog.text
    desk.server.before = lambda _method, _path: None
    desk.children.look(M)
    desk.rest()
    assert len(desk.server.held) == 1
