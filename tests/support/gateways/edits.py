"""What users and their machines do to a fleet, one thing at a time."""

import random
from collections.abc import Callable
from dataclasses import replace

from tests.support.gateways.fleets import Fleet, policy

HOSTS: tuple[list[str], ...] = ([], ["a.example"], ["a.example", "b.example"])


def edited(fleet: Fleet, dice: random.Random) -> Fleet:
    """One change of any kind that a gateway hears of, unless it happens to change nothing."""
    return dice.choice(EDITS)(fleet, dice.choice(sorted(fleet.policies)), dice)


def _rule(fleet: Fleet, number: int, dice: random.Random) -> Fleet:
    return fleet.with_rule(number, _word(dice))


def _timeout(fleet: Fleet, number: int, dice: random.Random) -> Fleet:
    return fleet.with_policy(number, timeouts={"total": f"{dice.randrange(1, 600)}s"})


def _hosts(fleet: Fleet, number: int, dice: random.Random) -> Fleet:
    """Its name moves to a host, to another, or back to all of them."""
    hosts = dice.choice(HOSTS)
    return fleet.with_policy(number, serves=policy(number)["serves"] | ({"hosts": hosts} if hosts else {}))


def _engine(fleet: Fleet, number: int, dice: random.Random) -> Fleet:
    return replace(fleet, models={**fleet.models, number: _word(dice)})


def _replicas(fleet: Fleet, number: int, dice: random.Random) -> Fleet:
    replicas = tuple(("127.0.0.1", port) for port in dice.sample(range(1, 5), dice.randrange(4)))
    return replace(fleet, endpoints={**fleet.endpoints, number: replicas})


def _key(fleet: Fleet, _: int, dice: random.Random) -> Fleet:
    return replace(fleet, key=_word(dice))


def _goes(fleet: Fleet, number: int, _: random.Random) -> Fleet:
    if len(fleet.policies) <= len(fleet.models) // 2:
        return fleet
    return replace(fleet, policies={at: spec for at, spec in fleet.policies.items() if at != number})


def _comes(fleet: Fleet, _: int, dice: random.Random) -> Fleet:
    new = max(fleet.models) + 1
    return replace(fleet, models={**fleet.models, new: _word(dice)}).with_policy(new)


def _word(dice: random.Random) -> str:
    return f"w{dice.randrange(10**6)}"


EDITS: tuple[Callable[[Fleet, int, random.Random], Fleet], ...] = (
    _rule,
    _timeout,
    _hosts,
    _engine,
    _replicas,
    _key,
    _goes,
    _comes,
)
