"""Somebody who edits the policies of a folder without a pause, as a seed has it, and knows what each edit means."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.scenario.history import Version
from tests.scenario.manifests import Object, external, put, text

SHARED: Final = ("a", "b", "c")
"""Models that are there all the time, as simulated engines."""
STAYS: Final = "last good (version|objects) stay"


@dataclass(slots=True)
class Subject:
    """A name that is served, by a policy in a file of its own. A guest comes and goes."""

    name: str
    path: Path
    guest: bool
    history: list[Version] = field(default_factory=list)
    spec: Object = field(default_factory=dict)
    """What was last said of it that is good."""
    broken: bool = False

    @property
    def served(self) -> bool:
        return bool(self.history[-1].models)


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit. Its effect is that a version is seen, or that a complaint is made."""

    kind: str
    subject: Subject
    written_s: float
    version: Version | None
    complaint: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.subject.name} to {self.version}"

    __repr__ = __str__


class Editor:
    """Edits one subject at a time, and only what is no longer on its way into force."""

    def __init__(self, folder: Path, url: str, seed: int) -> None:
        self._folder, self._url = folder, url
        self._dice = random.Random(seed)
        self._number = 0
        self.subjects = {name: self._subject(name, guest=name.startswith("guest")) for name in NAMES}

    def _subject(self, name: str, *, guest: bool) -> Subject:
        subject = Subject(name, self._folder / f"{name}.yaml", guest)
        subject.history.append(Version("", frozenset(), 0.0, 0.0))
        if not guest:
            self._good(subject, _retarget).seen_s = 0.0
        return subject

    def edit(self, among: list[Subject]) -> Edit:
        """Does one of the edits that make sense for one of these."""
        subject = self._dice.choice(among)
        if subject.guest:
            kind = "remove" if subject.served else "add"
        else:
            kind = "mend" if subject.broken else self._dice.choice(["reweight", "retime", "retarget", "break"])
        if kind == "break":
            return self._break(subject)
        written_s = time.monotonic()
        if kind == "remove":
            version = Version("", frozenset(), written_s)
            subject.path.unlink()
            subject.history.append(version)
        else:
            version = self._good(subject, CHANGES.get(kind, _retarget))
        return Edit(kind, subject, written_s, version)

    def _good(self, subject: Subject, change: "Change") -> Version:
        rule = self._next_rule()
        change(subject, rule, self._dice)
        subject.spec["rules"] = [{"name": rule, "tier": "only"}]
        shares = {model["name"]: model["weight"] for model in subject.spec["tiers"][0]["models"]}
        answering = frozenset(name for name, share in shares.items() if share)
        version = Version(rule, answering, time.monotonic())
        # Known before it can be in force: who asks meanwhile is judged by it.
        subject.history.append(version)
        subject.broken = False
        self._write(subject, self._text(subject, subject.spec))
        return version

    def _break(self, subject: Subject) -> Edit:
        """A bad edit, with a rule of a name that is in no version: who is answered by it, should not have been."""
        bad = {**subject.spec, "rules": [{"name": self._next_rule(), "tier": "only"}]}
        content = self._dice.choice(BREAKS)(self._text(subject, bad))
        subject.broken = True
        written_s = time.monotonic()
        self._write(subject, content)
        return Edit("break", subject, written_s, None, f"{subject.name}.*{STAYS}")

    def _next_rule(self) -> str:
        self._number += 1
        return f"edit-{self._number}"

    def _text(self, subject: Subject, spec: Object) -> str:
        """The policy, and in the same file those of its models that are nobody else's."""
        names = [model["name"] for model in spec["tiers"][0]["models"]]
        own = [external(name, self._url) for name in names if name not in SHARED]
        metadata = {"name": subject.name}
        policy = {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "RoutingPolicy", "metadata": metadata, "spec": spec}
        return text(*own, policy)

    def _write(self, subject: Subject, content: str) -> None:
        if self._dice.random() < 0.5:
            put(subject.path, content)
        else:
            subject.path.write_text(content)


Change = Callable[[Subject, str, random.Random], None]
NAMES: Final = (*(f"standing-{number}" for number in range(6)), *(f"guest-{number}" for number in range(3)))


def _retarget(subject: Subject, rule: str, dice: random.Random) -> None:
    """Another pair of models: one that all may use, and one that is new and goes with the next such edit."""
    models = [{"name": dice.choice(SHARED), "weight": 1}, {"name": f"{subject.name}-{rule}", "weight": 1}]
    dice.shuffle(models)
    subject.spec = {**_spec(subject.name), "tiers": [{"name": "only", "models": models}]}


def _reweight(subject: Subject, _rule: str, dice: random.Random) -> None:
    before = subject.spec["tiers"][0]["models"]
    shares = dice.choice([(1, 99), (99, 1), (0, 1), (1, 0), (50, 50)])
    models = [{"name": model["name"], "weight": share} for model, share in zip(before, shares, strict=True)]
    subject.spec = {**subject.spec, "tiers": [{"name": "only", "models": models}]}


def _retime(subject: Subject, _rule: str, dice: random.Random) -> None:
    # Another breaker makes another cluster of the same model: all connections to it are new then.
    breaker = {"consecutive": dice.randint(5, 9)}
    times = {"total": f"{dice.randint(20, 60)}s", "firstToken": f"{dice.randint(5, 15)}s"}
    subject.spec = {**subject.spec, "timeouts": times, "breaker": breaker}


def _spec(name: str) -> Object:
    return {"serves": {"models": [name]}}


CHANGES: Final[dict[str, Change]] = {"reweight": _reweight, "retime": _retime}
BREAKS: Final[tuple[Callable[[str], str], ...]] = (
    lambda good: good.replace("serves:", "serfs:"),
    lambda good: good.replace("tier: only", "tier: other"),
    lambda good: good.replace("weight: ", "weight: x"),
    lambda good: good.replace("rules:", "shadow: [{model: a, percent: 5}]\n  rules:"),
    lambda good: good.replace("rules:", "rules: {"),
    lambda _good: "",
)
"""What the checks refuse, what is not enforced yet, what is no YAML, and nothing at all."""
