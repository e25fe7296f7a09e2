"""One way through a message and whatever is packed in it, that never enters a type about which nobody asks."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError, Message

T = TypeVar("T")

Fields = Mapping[int, Any]
"""What is set in a message, by field number. A field that is not in it has its default."""

Look = Callable[[Message, Fields], Iterable[tuple[str, T]]]
"""What one message has to tell, each with the place below it (empty for the message itself)."""

_ANY = "google.protobuf.Any"


def known_type(type_url: str) -> type[Message] | None:
    """The class of a type URL, or None for a type that nothing in this process has imported."""
    try:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(type_url.rpartition("/")[2])
    except KeyError:
        return None
    return message_factory.GetMessageClass(descriptor)


def join(above: str, below: str) -> str:
    """Two paths as one, either of which may be empty."""
    return f"{above}.{below}" if above and below else above + below


def is_map(descriptor: FieldDescriptor) -> bool:
    """Whether the field is a map, which is a repeated message to protobuf."""
    entry = descriptor.message_type
    return entry is not None and bool(entry.GetOptions().map_entry)


def value_type(descriptor: FieldDescriptor) -> Descriptor | None:
    """The message type of what the field holds: its own, or that of a map's values."""
    entry = descriptor.message_type
    return entry.fields_by_name["value"].message_type if entry is not None and is_map(descriptor) else entry


@dataclass(slots=True)
class _Plan(Generic[T]):
    """What to do with the messages of one type. Types refer to themselves, so it is filled after it is made."""

    look: Look[T] | None
    unpacks: bool
    matters: bool
    below: dict[int, tuple[str, str, "_Plan[T]"]] = field(default_factory=dict)


class Walk(Generic[T]):
    """Asks every message of a tree what it has to tell. What it learns about types it keeps."""

    def __init__(
        self,
        look_of: Callable[[Descriptor], Look[T] | None],
        enters: Callable[[FieldDescriptor], bool] = lambda _: True,
        broken: Callable[[str], T] | None = None,
    ) -> None:
        self._look_of = look_of
        self._enters = enters
        self._broken = broken
        self._plans: dict[Descriptor, _Plan[T]] = {}
        self._packed: dict[str, tuple[type[Message], _Plan[T]]] = {}

    def over(self, message: Message) -> list[tuple[str, T]]:
        """What the message and all below it tell, each with its path."""
        told: list[tuple[str, T]] = []
        plan = self._plan(message)
        if plan.matters:
            self._into(message, plan, "", told)
        return told

    def _into(self, message: Message, plan: _Plan[T], path: str, told: list[tuple[str, T]]) -> None:
        fields = {of.number: value for of, value in message.ListFields()}
        if plan.look is not None:
            for where, what in plan.look(message, fields):
                told.append((join(path, where), what))
        if plan.unpacks:
            self._unpack(message, path, told)
        steps = plan.below
        if not steps:
            return
        for number, value in fields.items():
            step = steps.get(number)
            if step is None:
                continue
            name, shape, below = step
            place = f"{path}.{name}" if path else name
            if shape == "one":
                self._into(value, below, place, told)
            else:
                self._each(enumerate(value) if shape == "list" else sorted(value.items()), below, place, told)

    def _each(self, items: Iterable[tuple[Any, Any]], plan: _Plan[T], path: str, told: list[tuple[str, T]]) -> None:
        for at, item in items:
            self._into(item, plan, f"{path}[{at}]", told)

    def _unpack(self, packed: Any, path: str, told: list[tuple[str, T]]) -> None:
        known = self._packed.get(packed.type_url)
        if known is None:
            # A type that is unknown now may be imported later, so only what is known is kept.
            message_class = known_type(packed.type_url)
            if message_class is None:
                return
            known = self._packed[packed.type_url] = (message_class, self._plan(message_class))
        message_class, plan = known
        try:
            message = message_class.FromString(packed.value)
        except DecodeError:
            if self._broken is not None:
                told.append((path, self._broken(packed.type_url)))
            return
        if plan.matters:
            self._into(message, plan, path, told)

    def _plan(self, of: Message | type[Message]) -> _Plan[T]:
        root: Descriptor = of.DESCRIPTOR  # type: ignore[assignment]  # the stubs name upb's own class beside it
        if root not in self._plans:
            self._learn(root)
        return self._plans[root]

    def _learn(self, root: Descriptor) -> None:
        fresh: list[Descriptor] = []
        waiting = [root]
        while waiting:
            descriptor = waiting.pop()
            if descriptor not in self._plans:
                self._plans[descriptor] = self._start(descriptor)
                waiting.extend(below for _, below in self._fields(descriptor))
                fresh.append(descriptor)
        edges = [
            (self._plans[descriptor], of, self._plans[below])
            for descriptor in fresh
            for of, below in self._fields(descriptor)
        ]
        _spread(edges)
        for plan, of, below_plan in edges:
            if below_plan.matters:
                plan.below[of.number] = (of.name, _shape(of), below_plan)

    def _start(self, descriptor: Descriptor) -> _Plan[T]:
        look = self._look_of(descriptor)
        unpacks = descriptor.full_name == _ANY
        return _Plan(look, unpacks, matters=unpacks or look is not None)

    def _fields(self, descriptor: Descriptor) -> Iterator[tuple[FieldDescriptor, Descriptor]]:
        for of in descriptor.fields:
            below = value_type(of)
            if below is not None and self._enters(of):
                yield of, below


def _spread(edges: list[tuple[_Plan[T], FieldDescriptor, _Plan[T]]]) -> None:
    """A type matters when one below it does, however far."""
    changed = True
    while changed:
        changed = False
        for plan, _, below in edges:
            if below.matters and not plan.matters:
                plan.matters = changed = True


def _shape(of: FieldDescriptor) -> str:
    if is_map(of):
        return "map"
    return "list" if of.is_repeated else "one"
