"""Which class of hardware each replica of each model is to be on, and how many each class is to have now.

The plan comes from the snapshot alone. Where replicas are is told by pods, and since when a class is refused by the
model's own status; nothing else is remembered, so that whoever plans next comes to the same.
"""

from collections.abc import Collection, Sequence

from modelfleet.api.modeldeployment.kind import ModelDeployment
from modelfleet.findings import Key
from modelfleet.fleet.snapshot import FleetSnapshot
from modelfleet.placement.bounds import Bounds
from modelfleet.placement.draft import draft_of
from modelfleet.placement.news import place_new, place_the_rest
from modelfleet.placement.promises import Promises
from modelfleet.placement.result import FleetPlacement
from modelfleet.placement.returns import come_back
from modelfleet.placement.sentences import Sentences
from modelfleet.placement.shares import placement_of
from modelfleet.placement.stays import keep_what_is_there
from modelfleet.placement.stock import Stock
from modelfleet.placement.survey import Survey

MUST_BE_READ = frozenset({"HardwareClass", "Node", "Pod", "Deployment"})
"""Kinds without which nothing is moved: what could not be read is not what is not there."""


def plan_placement(snapshot: FleetSnapshot) -> FleetPlacement:
    """Where the replicas of every model that runs here are to be."""
    stock = Stock(snapshot)
    survey = Survey(snapshot, stock)
    drafts = [draft_of(survey.case(key)) for key in _to_be_placed(snapshot)]
    bounds = Bounds(snapshot, stock, drafts)
    keep_what_is_there(drafts, bounds)
    promises = Promises(stock, bounds, drafts)
    for draft in drafts:
        come_back(draft, promises)
        place_new(draft, bounds, stock)
        place_the_rest(draft, bounds, stock)
    sentences = Sentences(snapshot, stock, bounds)
    placed = {draft.case.key: placement_of(draft, stock, sentences) for draft in drafts}
    times = (one.wake_at for one in placed.values() if one.wake_at is not None)
    return FleetPlacement({key: placed[key] for key in sorted(placed)}, stock, min(times, default=None))


def _to_be_placed(snapshot: FleetSnapshot) -> Sequence[Key]:
    """The models that can be placed, the oldest first: where there is not enough for all, it is served first."""
    if MUST_BE_READ & snapshot.unknown.keys():
        return ()
    unread = {key.name for key in snapshot.declared if key.kind == "HardwareClass"} - snapshot.classes.keys()
    found = (
        (model.metadata.creation_timestamp, key)
        for key, model in snapshot.models.items()
        if model.spec.engine and not (unread and _names_one(model, unread))
    )
    return [key for _, key in sorted(found)]


def _names_one(model: ModelDeployment, unread: Collection[str]) -> bool:
    """Whether it names a class that is there and not valid: what that means is not known, so nothing is moved."""
    return any(choice.name in unread for choice in model.spec.placement.classes) if model.spec.placement else False
