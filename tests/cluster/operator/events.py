"""The Events of an object."""

from http import HTTPStatus
from typing import Any

from tests.testbed.api import Api, wait_for
from tests.testbed.bed import expect

Event = dict[str, Any]


def events(api: Api, namespace: str, name: str) -> list[Event]:
    """What is told of an object, the oldest first."""
    path = f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.name={name},source=modelfleet"
    items: list[Event] = expect(api.get(path), HTTPStatus.OK)["items"]
    return sorted(items, key=lambda item: int(item["metadata"]["resourceVersion"]))


def wait_for_event(api: Api, namespace: str, name: str, start: str) -> Event:
    """The event of an object whose message begins so."""

    def found() -> list[Event]:
        return [event for event in events(api, namespace, name) if event["message"].startswith(start)]

    wait_for(f"the event {start} on {name}", found)
    return found()[-1]
