"""Whatever is found in the place of a gateway's kept state: it is believed whole, or not at all."""

import hashlib
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from modelfleet.xds.cachefile import CacheFile, render_state
from modelfleet.xds.state import GatewayResources, gateway_resources
from tests.unit.xds.making import cluster, endpoints, listener, routes, scope

GOOD = render_state(
    "g", gateway_resources([cluster("a"), endpoints("a"), listener("l"), routes("r"), scope("/r", "r")])
)
HEADER, BODY = GOOD.split(b"\n", 1)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """The good one, with some of its bytes gone, changed or more."""
    found = bytearray(BODY)
    for _ in range(draw(st.integers(0, 4))):
        begin = draw(st.integers(0, len(found)))
        end = draw(st.integers(begin, min(len(found), begin + 8)))
        found[begin:end] = draw(st.binary(max_size=8))
    return bytes(found)


def headed(body: bytes) -> bytes:
    """With a first line that is right: what stands behind it need not be."""
    return f"modelfleet-gateway-state 1 {hashlib.sha256(body).hexdigest()} {len(body)}\n".encode() + body


CONTENTS = st.one_of(
    st.binary(max_size=200),
    bodies(),
    bodies().map(headed),
    st.binary(max_size=200).map(headed),
    bodies().map(lambda body: HEADER + b"\n" + body),
    st.binary(max_size=100).map(lambda line: line + b"\n" + BODY),
    st.just(GOOD),
)


def loaded(data: bytes) -> tuple[GatewayResources | None, bool]:
    """What the loader makes of it, and whether it is still in its place."""
    with tempfile.TemporaryDirectory() as folder:
        file = CacheFile(Path(folder), "g")
        file.path.write_bytes(data)
        return file.load(), file.path.exists()


@given(CONTENTS)
def test_nothing_is_believed_that_was_not_written_so(data: bytes) -> None:
    state, stays = loaded(data)
    assert (state is not None) is stays
    if state is not None:
        header, _, body = data.partition(b"\n")
        assert header + b"\n" + body == headed(body), "its checksum is wrong"
        # What was read can be written, and is then the same.
        again, _ = loaded(render_state("g", state))
        assert again
        assert again.version == state.version


def test_what_was_written_is_believed() -> None:
    state, _ = loaded(GOOD)
    assert state
    assert render_state("g", state) == GOOD
