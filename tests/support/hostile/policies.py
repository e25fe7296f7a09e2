"""Policies with every clause that the API has, whether a gateway enforces it yet or not."""

from functools import partial
from typing import Any

from modelfleet.api.routingpolicy.ladder import Failure
from modelfleet.api.routingpolicy.sharing import Per
from modelfleet.api.routingpolicy.spec import Observable
from tests.support.hostile import names
from tests.support.hostile.dice import Dice, Maker

Spec = dict[str, Any]
MOST_TRIES = 12
LOOKS = 16
RARE, HALF = 0.03, 0.45
CLASSES = ("interactive", "batch", "A_b.c")


class Clauses:
    """Makes the clauses of one policy, which must agree on tiers, classes and features."""

    def __init__(self, dice: Dice, models: list[str], *, unenforced: bool) -> None:
        self.dice = dice
        self.models = models
        self.unenforced = unenforced
        """Whether clauses stand in it that no gateway enforces yet, which keep it out."""
        self.full = dice.often(RARE)
        """Whether lists are as long as they may be."""
        self.tiers = dice.several(names.LABELS, *((8, 8) if self.full else (1, 3)))
        self.classes = dice.several(CLASSES) if unenforced and dice.often(HALF) else []
        self.items = dice.several(names.ITEMS, 1, LOOKS)

    def spec(self) -> Spec:
        dice = self.dice
        made = dice.some(
            HALF,
            {"serves": self.serves, "tiers": self.all_tiers},
            identifiers=self.identifiers,
            rules=self.rules,
            timeouts=self.timeouts,
            degrade=self.degrade,
            breaker=partial(
                dice.some,
                HALF,
                {},
                consecutive=lambda: dice.whole(1, 1000),
                ejectFor=lambda: dice.choice(names.DURATIONS),
            ),
            mode=lambda: dice.choice(("Enforce", "Observe" if self.unenforced else "Enforce")),
            **(self._unenforced() if self.unenforced else {}),
        )
        if self.classes:
            made["classes"] = self.traffic_classes()
        if dice.often(HALF):
            made["retries"] = self.retries(made)
        return made

    def _unenforced(self) -> dict[str, Maker]:
        dice = self.dice
        return {
            "classifier": self.classifier,
            "escalate": self.escalate,
            "limits": lambda: [self.limit() for _ in range(16 if self.full else dice.randint(0, 2))],
            "shadow": lambda: [
                {"model": name, "percent": dice.whole(1, 100)}
                for name in dice.several(self.models, 0, 8 if self.full else 1)
            ],
            "regions": self.regions,
            "affinity": lambda: dice.choice(
                ({"prefixBytes": dice.whole(16, 65536)}, {"header": dice.choice(names.HEADERS)})
            ),
            "access": self.access,
            "observe": lambda: dice.several([clause.value for clause in Observable], 0, 9),
        }

    # Which requests.

    def serves(self) -> Spec:
        dice = self.dice
        return dice.some(
            HALF,
            {"models": self.served},
            hosts=lambda: dice.several(names.HOSTS, 1, 2),
            gateways=self.gateways,
            maxBodyBytes=lambda: dice.whole(1024, 64 * 1024 * 1024),
        )

    def served(self) -> list[str]:
        if self.full:
            return [*dict.fromkeys([*names.SERVED, *(f"name-{number}" for number in range(64))])][:64]
        return self.dice.several(names.SERVED, 1, 4)

    def gateways(self) -> list[str]:
        chosen = self.dice.several(names.GATEWAYS, 0, 2)
        return chosen if chosen and self.dice.often(0.1) else [*dict.fromkeys(["default", *chosen])]

    def identifiers(self) -> Spec:
        dice, header = self.dice, lambda: self.dice.choice(names.HEADERS)
        made = dice.some(HALF, {}, session=header, step=header, feature=header)
        if "feature" in made and dice.often(HALF):
            made["features"] = dice.several(names.WORDS, 1, 64)
        return made

    # Where they go.

    def weighted(self) -> list[Spec]:
        chosen = self.dice.several(self.models, 1, 8 if self.full else 2)
        made = [
            self.dice.some(HALF, {"name": partial(str, name)}, weight=lambda: self.dice.whole(0, 1_000_000))
            for name in chosen
        ]
        if all(model.get("weight") == 0 for model in made):
            made[0]["weight"] = 1
        return made

    def all_tiers(self) -> list[Spec]:
        most = {"maxInFlight": lambda: self.dice.whole(1, 1_000_000)} if self.unenforced else {}
        return [
            self.dice.some(0.2, {"name": partial(str, name), "models": self.weighted}, **most) for name in self.tiers
        ]

    def rules(self) -> list[Spec]:
        free = [name for name in names.LABELS if name != "default"]
        chosen = [f"rule-{number}" for number in range(64)] if self.full else self.dice.several(free, 0, 4)
        return [{"name": name, **self.target(), **self.condition()} for name in chosen]

    def condition(self) -> Spec:
        return {"when": self.when(self.classes)} if self.dice.often(0.85) else {}

    def target(self) -> Spec:
        dice = self.dice
        kinds: list[Maker] = [
            lambda: {"tier": dice.choice(self.tiers)},
            lambda: {"models": self.weighted()},
            lambda: {"answer": self.answer()},
        ]
        if self.unenforced:
            kinds.append(lambda: {"classify": self.classify()})
        return dict(dice.choice(kinds)())

    def when(self, classes: list[str]) -> Spec:
        dice, word = self.dice, lambda: self.dice.choice(names.WORDS)
        made = dice.some(
            0.12,
            {},
            headers=self.headers,
            path=lambda: dice.choice(names.PATHS),
            step=word,
            feature=word,
            tenant=word,
            promptBytes=lambda: dice.choice(names.COMPARISONS),
            maxTokens=lambda: dice.choice(names.COMPARISONS),
            tools=lambda: dice.often(0.5),
            missing=lambda: dice.several(self.items),
            empty=lambda: dice.several(self.items),
            **({"class": lambda: dice.choice(classes)} if classes else {}),
        )
        return made or {"stream": dice.often(0.5)}

    def headers(self) -> Spec:
        chosen = {name.lower(): name for name in self.dice.several(names.HEADERS)}
        return {name: self.dice.choice(names.texts(256, empty=True)) for name in chosen.values()}

    def answer(self) -> Spec:
        body = names.texts(4096)
        statuses = (200, 203, 400, self.dice.whole(400, 599), 599)
        return self.dice.some(HALF, {"body": lambda: self.dice.choice(body)}, status=lambda: self.dice.choice(statuses))

    def classify(self) -> Spec:
        bounds = [f"<0.{number + 1:02}" for number in range(len(self.tiers) - 1)]
        unsure = {"unsure": self.dice.choice(self.tiers)} if self.dice.often(HALF) else {}
        return {**dict(zip(self.tiers, [*bounds, "else"], strict=True)), **unsure}

    def classifier(self) -> Spec:
        low, high = sorted(self.dice.randrange(len(self.tiers)) for _ in "ab")
        return self.dice.some(
            HALF,
            {},
            floor=lambda: self.tiers[low],
            ceiling=lambda: self.tiers[high],
            tau=lambda: self.dice.choice((0, 1, 0.5, 5e-324, 0.9999999999999999)),
        )

    # When it cannot.

    def timeouts(self) -> Spec:
        dice = self.dice
        pool = names.LASTING if dice.often(0.8) else names.DURATIONS
        made = dice.some(
            HALF,
            {},
            total=lambda: dice.choice(pool),
            firstToken=lambda: dice.choice(pool),
            answer=lambda: dice.choice(pool),
            clientMayLower=lambda: dice.often(0.5),
        )
        if dice.often(HALF):
            made |= dice.choice(
                ({"betweenTokens": "1s", "stream": "720h"}, {"stream": "30m"}, {"betweenTokens": "30m"})
            )
        return made

    def degrade(self) -> list[Spec]:
        falls = self.dice.several(self.tiers, 0, 7)
        answer = [{"answer": self.answer()}] if self.dice.often(HALF) else []
        return [*({"tier": name} for name in falls), *answer]

    def retries(self, made: Spec) -> Spec:
        """As often as there is room for: of twelve tries some are taken by the ladder and by climbs."""
        dice = self.dice
        climbs = made["escalate"].get("max", 1) if "escalate" in made else 0
        rungs = 1 + sum("tier" in step for step in made.get("degrade", ()))
        room = max(0, (MOST_TRIES - climbs) // rungs - 1)
        return dice.some(
            HALF,
            {"attempts": lambda: dice.choice((0, room, dice.randint(0, room)))},
            retryOn=lambda: dice.several([kind.value for kind in Failure], 1, 5),
            budgetPercent=lambda: dice.whole(0, 100),
        )

    def escalate(self) -> Spec:
        dice = self.dice
        source = dice.choice(({"json": "confidence.a"}, {"header": dice.choice(names.HEADERS)}))
        when = {"confidenceBelow": dice.choice((0, 1, 0.6, 1e-300)), "from": source}
        return dice.some(HALF, {"when": lambda: when}, to=lambda: "nextTier", max=lambda: dice.whole(1, 3))

    # Who gets how much.

    def traffic_classes(self) -> Spec:
        share = {"share": f"{100 // len(self.classes)}%"}
        first, *others = self.classes
        rest = {"when": self.when([])} if self.dice.often(HALF) else {}
        return {first: {**share, **rest}, **{name: {**share, "when": self.when([])} for name in others}}

    def limit(self) -> Spec:
        dice = self.dice
        count = dice.choice(({"requests": dice.whole(1, 10**9)}, {"tokens": dice.whole(1, 10**12)}))
        return {"per": dice.choice(list(Per)).value, "every": dice.choice(names.DURATIONS), **count}

    def regions(self) -> Spec:
        order = self.dice.several(names.WORDS, 1, 16)
        return self.dice.some(
            HALF,
            {"order": lambda: order, "active": lambda: self.dice.choice(order)},
            mode=lambda: self.dice.choice(("automatic", "manual")),
            overprovisioning=lambda: self.dice.choice(("100%", "140%", "1000%")),
        )

    def access(self) -> Spec:
        keys = {"secretRefs": [{"name": "keys"}]}
        issuer = self.dice.choice(names.texts(512))
        jwt = self.dice.some(
            HALF,
            {"issuer": lambda: issuer, "jwks": lambda: {"url": self.dice.choice(names.URLS)}},
            audiences=lambda: self.dice.several(names.texts(256)),
            tenantClaim=lambda: self.dice.choice(("org", "a.b_c.0")),
        )
        return self.dice.choice(({"apiKeys": keys}, {"jwt": jwt}, {"apiKeys": keys, "jwt": jwt}))
