"""Any fleet to be placed, in any state that it may have come into."""

from hypothesis import strategies as st

from modelfleet.findings import Reason
from modelfleet.fleet.nodes import Node
from tests.support.documents import Document
from tests.support.placing import Ground, a_class, a_model, a_node, a_pod, a_taint

CLASSES = ("a", "b", "c")
MODELS = ("k", "m", "x")
TIMEOUT, RETURN = 20, 60


@st.composite
def classes(draw: st.DrawFn) -> list[Document]:
    bounds = st.none() | st.integers(0, 6)
    return [a_class(name, capacity=_capacity(draw(bounds))) for name in CLASSES if draw(st.integers(0, 9))]


def _capacity(most: int | None) -> Document | None:
    return None if most is None else {"maxUnits": most}


@st.composite
def models(draw: st.DrawFn) -> list[Document]:
    return [_model(draw, name) for name in MODELS if draw(st.integers(0, 4))]


def _model(draw: st.DrawFn, name: str) -> Document:
    return a_model(
        name,
        *draw(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3, unique=True)),
        replicas=draw(st.integers(0, 4)),
        units=draw(st.sampled_from([1, 1, 1, 2, 4])),
        created=draw(st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"])),
        pendingTimeout=f"{TIMEOUT}s",
        returnAfter=f"{RETURN}s",
        priorityClassName="high" if draw(st.integers(0, 5)) == 0 else None,
    )


@st.composite
def nodes(draw: st.DrawFn) -> list[Node]:
    return [
        a_node(
            f"{pool}-{number}",
            pool,
            gpus=draw(st.integers(0, 4)),
            ready=draw(st.integers(0, 9)) > 0,
            schedulable=draw(st.integers(0, 9)) > 0,
            taints=(a_taint(),) if draw(st.integers(0, 9)) == 0 else (),
        )
        for pool in CLASSES
        for number in range(draw(st.integers(0, 3)))
    ]


@st.composite
def grounds(draw: st.DrawFn) -> Ground:
    """Any fleet, in any state that it may have come into."""
    there, now = draw(nodes()), 1_000_000.0
    pods = [
        a_pod(
            of,
            hardware,
            draw(st.sampled_from(["", *(node.name for node in there)])),
            number=number,
            ready=draw(st.booleans()),
            waiting=draw(st.sampled_from([0.0, now - TIMEOUT, now - 1])),
            units=draw(st.integers(1, 2)),
        )
        for of in MODELS
        for hardware in (*CLASSES, "gone")
        for number in range(draw(st.integers(0, 2)))
    ]
    reasons = st.sampled_from([Reason.CHOSEN, Reason.FULL, Reason.ROOM_AGAIN, Reason.UNSCHEDULABLE, Reason.TAINTED])
    times = st.sampled_from([0.0, now - RETURN, now - 1])
    standing = st.dictionaries(st.sampled_from(CLASSES), st.tuples(reasons, times))
    documents = (*draw(classes()), *draw(models()))
    owners = st.tuples(st.sampled_from(MODELS), st.sampled_from(CLASSES))
    desired = draw(st.dictionaries(owners, st.integers(0, 3)))
    return Ground(documents, tuple(there), tuple(pods), {name: draw(standing) for name in MODELS}, now, desired)
