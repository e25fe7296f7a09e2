"""What the API servers of all tests saw, beside what the chart grants. A soak runs it after them."""

import os
from pathlib import Path

import pytest

from tests.rights.audit import FOLDER, Seen, Who, is_whole, logs, read
from tests.rights.granted import rights
from tests.rights.judge import EVERYBODY, compared


@pytest.mark.parametrize("who", EVERYBODY, ids=str)
def test_a_role_used_all_that_the_chart_grants_it_and_asked_for_nothing_else(who: Who) -> None:
    files = logs(Path(os.environ.get(FOLDER, "build/audit")))
    if not is_whole(files):
        pytest.skip("no tests on simulated nodes ran that wrote an audit log")
    assert list(compared(who, read(files).get(who, Seen()), rights(who.role, who.mode))) == []
