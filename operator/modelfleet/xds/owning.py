"""Which resources fall together: each is owned by all that it needs, so that what a refusal makes useless is withheld.

Who compiles resources knows the objects that they are made from. Who was only sent them reads what they name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from modelfleet.envoy.resource import XdsResource
from modelfleet.envoy.types import CLUSTER, ROUTES, SCOPE
from modelfleet.findings import Key
from modelfleet.xds.naming import named_in
from modelfleet.xds.references import Reference

_NAMING = (CLUSTER, ROUTES, SCOPE)


def owned(resource: XdsResource, others: Iterable[Reference] = ()) -> XdsResource:
    """The resource, owned by itself and by these others."""
    owners = {(resource.type_url, resource.name), *others}
    return replace(resource, owners=frozenset(Key(type_url, "", name) for type_url, name in owners))


def with_owners(resources: Iterable[XdsResource]) -> Iterator[XdsResource]:
    """The same resources, each owned by itself and by all that it needs, however far away."""
    known = {(it.type_url, it.name): it for it in resources}
    needs = {reference: named_in(it) for reference, it in known.items() if reference[0] in _NAMING}
    for reference, it in known.items():
        yield owned(it, _closure(reference, needs))


def _closure(start: Reference, needs: Mapping[Reference, Iterable[Reference]]) -> set[Reference]:
    found, waiting = {start}, [start]
    while waiting:
        more = set(needs.get(waiting.pop(), ())) - found
        found |= more
        waiting += more
    return found
