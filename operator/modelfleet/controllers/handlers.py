"""Every subscription of ours with kopf, on one screen. Handlers decide nothing: they say what was seen."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import kopf

from modelfleet.sources.kinds import Watched


class Observer(Protocol):
    """Who wants to know what was seen."""

    def observe(self, raw: Mapping[str, Any], *, gone: bool) -> None:
        """Takes in an object. Must not raise: kopf drops an event whose handler did."""


class Memo:
    """What handlers are given. kopf copies it for each object, and there is only one."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def __copy__(self) -> "Memo":
        return self


def register(registry: kopf.OperatorRegistry, kinds: Iterable[Watched], login: Any, ended: Callable[[], None]) -> None:
    """Subscribes to these kinds; explicit ids, as kopf would make some out of names of functions.

    `ended` is called when kopf has begun to end.
    """

    async def end(**_: Any) -> None:  # async, or it would be called from another thread
        ended()

    kopf.on.login(registry=registry, id="login")(login)
    kopf.on.cleanup(registry=registry, id="end")(end)
    for kind in kinds:
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=f"observe-{kind.plural}")(observe)


async def observe(event: kopf.RawEvent, memo: Memo, **_: Any) -> None:
    """What every watch and every list of kopf comes to."""
    memo.observer.observe(event["object"], gone=event["type"] == "DELETED")
