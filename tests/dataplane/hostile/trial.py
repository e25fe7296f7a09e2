"""One Envoy that lives through hostile fleets, one after the other; and what is wrong with each of them."""

import os
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from click.testing import CliRunner

from modelfleet.cli.main import main
from modelfleet.compiler import FleetPlan
from modelfleet.findings import Key
from modelfleet.fleet.inforce import InForce
from modelfleet.fleet.world import Gateway
from tests.dataplane.hostile.asking import Asked, attacks, catalogue, each_name
from tests.dataplane.hostile.compiling import Place, compiled, objects, refused
from tests.dataplane.hostile.verdict import answer_faults, record_faults
from tests.dataplane.support.answers import Answer
from tests.dataplane.support.client import Connection
from tests.dataplane.support.fleets import fleet as text_of
from tests.dataplane.support.gateway import NAME, RealGateway, Settings
from tests.dataplane.support.process import wait_for
from tests.dataplane.support.received import Received
from tests.dataplane.support.records import ID, Record
from tests.dataplane.support.steps import Program, chat_answer, sse_answer, usage
from tests.dataplane.support.upstream import ScriptedUpstream
from tests.support.hostile.dice import Dice
from tests.support.hostile.fleets import NEIGHBOUR, Fleet, sound_policies
from tests.support.hostile.names import FREE_TEXTS

ATTACKS = 4
NO_ID = "-"
NEIGHBOUR_KEY = Key("RoutingPolicy", "default", NEIGHBOUR)
KNOWN_BEFORE = 0.5
"""How many of the broken fleets were valid a moment before, for a process that knows that."""


USAGES: tuple[Any, ...] = (
    *(None, usage(1, 2), {}, {"prompt_tokens": 1e308, "completion_tokens": -1}, {"prompt_tokens": "%REQ(x)%"}),
    *({"prompt_tokens": [1], "completion_tokens": {}}, {"completion_tokens": 2**63}, {"prompt_tokens": float("nan")}),
)


def echo(request: Received) -> Program:
    """Answers each with the model that it asked for, as it asked, and with words as hostile as its caller's."""
    body, dice = request.json(), Dice(request.taken.decode(errors="replace"))
    model, words, counts = str(body.get("model")), dice.choice(FREE_TEXTS), dice.choice(USAGES)
    if body.get("stream") is True:
        return sse_answer([words], model=model, usage=counts)
    headers = [
        (f"x-modelfleet-{name}", "%REQ(x)%") for name in dice.several(("tier", "request-id", "scope", "again"), 0, 2)
    ]
    return chat_answer(model, words, counts, headers)


@dataclass
class Case:
    """One fleet, and what there is to say against it."""

    fleet: Fleet
    faults: list[str] = field(default_factory=list)
    answers: list[tuple[Asked, Answer]] = field(default_factory=list)


class Trial:
    """Fleets are tried while it is entered."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._stack = ExitStack()
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._upstream = stack.enter_context(ScriptedUpstream(echo))
            # Envoy warns of odd requests, and what is refused is a fault of the fleet by which it came.
            settings = Settings(refusals_expected=True, errors_expected=True)
            self._gateway = stack.enter_context(RealGateway(text_of(), settings=settings))
            at = self._gateway.address
            installed = Gateway(NAME, *at, record=str(self._gateway.records.path))
            self._place = Place(installed, self._upstream.address)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection:
            self._connection.close()
        self._stack.__exit__(kind, error, trace)

    def restart(self) -> None:
        """A new Envoy, which knows nothing of what was before."""
        self._gateway.restart_envoy()

    def faults(self, fleet: Fleet) -> list[str]:
        """All that is wrong with one fleet."""
        (case,) = self.run([fleet])
        return case.faults

    def run(self, fleets: Iterable[Fleet]) -> list[Case]:
        """Several in turn. Records come a little later, and are looked at when all of them have been asked."""
        cases = [self._try(fleet) for fleet in fleets]
        self._look_at_records(cases)
        self._look_at_log(cases)
        with self._upstream.book.changed:
            self._upstream.book.requests.clear()
        return cases

    def _try(self, fleet: Fleet) -> Case:
        if self._gateway.envoy.ended:
            self.restart()
        case = Case(fleet)
        dice = Dice(f"{fleet.name} asked")
        try:
            made = compiled(fleet.documents, self._place, self._known_before(fleet, dice))
        except Exception:  # whatever it is, it is a fault, and the fleets that follow are tried all the same
            case.faults.append(f"raised: {traceback.format_exc()[-2000:]}")
            return case
        case.faults += made.faults + self._publish(made.plan)
        try:
            case.faults += self._ask(case, made.plan, dice)
        except OSError as error:
            case.faults.append(f"Envoy takes no connection: {error}")
        case.faults += self._harmed(case, made.plan)
        self.counts.update(
            fleets=1,
            objects=objects(made.parsed),
            refused=refused(made.parsed),
            policies=len(made.plan.in_force.policies),
            resources=len(made.plan.gateways[NAME]),
        )
        return case

    def _harmed(self, case: Case, plan: FleetPlan) -> list[str]:
        """Who suffers although nothing was done to him."""
        sound = sound_policies(case.fleet)
        found = [f"{key} is kept out" for key in sorted(sound - plan.in_force.policies.keys())]
        served = {asked.name for asked, answer in case.answers if asked.policy and answer.status == 200}
        if NEIGHBOUR_KEY in sound and NEIGHBOUR not in served:
            found.append("the neighbour does not serve")
        return [*found, *(["Envoy has ended"] if self._gateway.envoy.ended else [])]

    def unreadable_records(self) -> list[str]:
        """What the command that people read records with makes of them, hostile names and all."""
        path, found = str(self._gateway.records.path), list[str]()
        for options in (("--summary",), ("-o", "wide"), ("-o", "json")):
            result = CliRunner().invoke(main, ["records", *options, path])
            lines = result.stdout.splitlines()
            if result.exit_code or result.stderr:
                found.append(
                    f"records {options} exits with {result.exit_code}: {result.stderr[:500]} {result.exception}"
                )
            found += [f"records {options} says {line!r}" for line in lines if not line.isprintable()][:3]
        return found

    def _known_before(self, fleet: Fleet, dice: Dice) -> InForce | None:
        if not fleet.damage or dice.often(1 - KNOWN_BEFORE):
            return None
        return compiled(fleet.before, self._place).plan.in_force

    def _publish(self, plan: FleetPlan) -> list[str]:
        known = len(self._gateway.refusals)
        self._gateway._plane.publish(plan.gateways[NAME])
        try:
            self._gateway.settle()
        except AssertionError as error:
            return [f"not acknowledged: {error}"]
        news = self._gateway.refusals[known:]
        self.counts["nacks"] += len(news)
        found = [f"NACK of {it.names}: {it.message}" for it in news]
        return found or ([] if self._gateway._plane._settled[-1].complete else ["settled, and not with all of it"])

    # Requests.

    def _ask(self, case: Case, plan: FleetPlan, dice: Dice) -> list[str]:
        found: list[str] = []
        for asked in (*each_name(plan, dice), *catalogue(plan, dice), *attacks(plan, dice, ATTACKS)):
            answer = self._send(asked)
            case.answers.append((asked, answer))
            faults = answer_faults(asked, answer, plan, self._upstream.address)
            found += [f"{fault}; asked {shown(asked)}" for fault in faults]
            self.counts.update(requests=1, **{_sort(asked): 1})
        return found

    def _send(self, asked: Asked) -> Answer:
        """On the connection of the last request where that may go on."""
        if asked.policy is None:
            return self._gateway.send(asked.request)
        if self._connection is None or not self._connection.fresh():
            if self._connection:
                self._connection.close()
            self._connection = Connection(self._gateway.address)
        return self._connection.send(asked.request)

    # What it leaves behind.

    def _look_at_records(self, cases: list[Case]) -> None:
        """One line of JSON for each request; one that could not even be read has no id, and a record all the same."""
        answers = [(case, asked, answer) for case in cases for asked, answer in case.answers]
        records = self._records_of([answer for _, _, answer in answers])
        for case, asked, answer in answers:
            for id_ in answer.header_values(ID):
                faults = [] if id_ == NO_ID else record_faults(asked, answer, records[id_])
                case.faults += [f"{fault}; asked {shown(asked)}" for fault in faults]
        nameless = sum(answer.header_values(ID) == [NO_ID] for _, _, answer in answers)
        if len(records[NO_ID]) != nameless:
            for case in cases:
                case.faults.append(f"{len(records[NO_ID])} records without an id, and {nameless} answers without one")
        self.counts["records"] += sum(map(len, records.values()))

    def _records_of(self, answers: list[Answer]) -> dict[str, list[Record]]:
        found = defaultdict[str, list[Record]](list)
        records = self._gateway.records

        def all_there() -> bool:
            for record in records.all():
                found[record["id"] or NO_ID].append(record)
            records._found.clear()
            return sum(map(len, found.values())) >= len(answers)

        with suppress(AssertionError):  # what is missing is told of the request that it is missing of
            wait_for(all_there, "a record of every answer", 5)
        return found

    def _look_at_log(self, cases: list[Case]) -> None:
        envoy = self._gateway.envoy
        wrong = [*envoy.errors()[:5], *envoy.crashes()]
        if wrong:
            # One of them did it; each alone, which is what a smaller case is looked for with, tells which.
            for case in cases:
                case.faults += [f"Envoy logged: {line}" for line in wrong]
        os.truncate(envoy.log, 0)


def _sort(asked: Asked) -> str:
    return "names" if asked.policy else "attacks" if asked.listed is None else "catalogues"


def shown(asked: Asked) -> str:
    request = asked.request
    return f"{request.method} {request.path[:100]!r} {list(request.headers)!r:.300} {request.body!r:.300}"


def of_documents(fleet: Fleet, documents: list[Any]) -> Fleet:
    """The same fleet with fewer of its documents; nothing is known of what is sound in it."""
    return Fleet(fleet.name, documents, [], ())
