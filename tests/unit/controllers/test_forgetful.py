"""kopf keeps nothing of the objects that it tells us of, and compares nothing."""

import asyncio
from typing import Any, cast

from kopf import Body

from modelfleet.controllers.forgetful import NoEssence, NoMemories
from modelfleet.controllers.handlers import Memo, Observer

RAW: Any = {"metadata": {"uid": "u1", "name": "m"}, "spec": {"parts": [{"a": 1}]}}


def test_nothing_is_kept_of_an_object_whose_event_was_handled() -> None:
    memories, memo = NoMemories(), Memo(cast("Observer", object()))
    record = asyncio.run(memories.recall(RAW, noticed_by_listing=True, memobase=cast("Any", memo)))
    assert cast("Any", record.memo) is memo  # what handlers are given
    assert list(memories.iter_all_memories()) == []


def test_an_object_is_never_copied_to_be_compared() -> None:
    assert NoEssence().build(body=Body(RAW), extra_fields=()) == {}
