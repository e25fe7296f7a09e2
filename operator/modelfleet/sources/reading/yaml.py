"""YAML to plain values, as kubectl reads it, and back to where in the text each value stands."""

from collections.abc import Callable, Collection
from typing import Any, Final, Protocol, cast

import yaml
from yaml.events import DocumentEndEvent, StreamEndEvent

from modelfleet.findings import Path, Reason
from modelfleet.sources.reading.builder import Builder
from modelfleet.sources.reading.problems import Origin, Position, Problem, Reading
from modelfleet.sources.reading.syntax import explain, marked_index
from modelfleet.sources.reading.tree import Tree, Unreadable

_REST_IS_IGNORED: Final = 'kubectl reads nothing from here on; start the next document with "---"'


class _Events(Protocol):
    def get_event(self) -> Any: ...


def _parse(text: str) -> _Events:
    """libyaml's parser where PyYAML was built with it, and PyYAML's own, which is many times slower, where not."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return cast("_Events", loader(text))


def read(origin: Origin) -> Reading | None:
    """The value of the only document in the text, or None where there is nothing but comments."""
    tree = Tree(origin)
    try:
        if not _fill(tree, origin):
            return None
    except (Unreadable, yaml.YAMLError) as error:
        index, message = (error.index, error.message) if isinstance(error, Unreadable) else explain(error, origin)
        problem = Problem(origin.position(index), (), Reason.UNREADABLE, message)
        return Reading(None, (*tree.problems, problem), readable=False)
    return Reading(tree.root.value[0], tuple(tree.problems))


def positions(origin: Origin, paths: Collection[Path]) -> dict[Path, Position]:
    """Where the value at each path is written (its key, if it has one), or else the nearest that encloses it.

    Reads the text once more, so that no document has to keep what few of them are asked for, and keeps only what these
    paths need. What an alias repeats or a merge brings in is where it is written, not where it is repeated. Where the
    text cannot be read, everything is at its beginning.
    """
    tree = Tree(origin, paths)
    try:
        if _fill(tree, origin):
            return {path: origin.position(_index(tree, path)) for path in paths}
    except (Unreadable, yaml.YAMLError):
        pass
    return dict.fromkeys(paths, origin.start)


def _fill(tree: Tree, origin: Origin) -> bool:
    """Build the value of the first document, and report what follows it. False if there is no document."""
    # kubectl ends the last line if the file does not, which shows in a literal block.
    next_event = _parse(origin.text if origin.text.endswith("\n") else f"{origin.text}\n").get_event
    next_event()
    if type(next_event()) is StreamEndEvent:
        return False
    handlers = Builder(tree, origin.text).handlers()
    event = next_event()
    while type(event) is not DocumentEndEvent:
        handlers[type(event)](event)
        event = next_event()
    _report_rest(next_event, tree, origin.text)
    return True


def _report_rest(next_event: Callable[[], Any], tree: Tree, text: str) -> None:
    """Report what stands after the end of the document: kubectl drops it without a word."""
    try:
        event = next_event()
        if type(event) is StreamEndEvent:
            return
        index = event.start_mark.index
    except yaml.MarkedYAMLError as error:
        index = marked_index(error, text)
    if text[index:].strip():
        tree.report(index, _REST_IS_IGNORED)


def _index(tree: Tree, path: Path) -> int:
    """Where in the text the path leads to, as far as it leads anywhere."""
    value, index = tree.root.value[0], tree.root.marks[0]
    for step in path:
        marks = tree.places.get(id(value), {}) if isinstance(value, dict | list) else {}
        if step not in marks:
            break
        value, index = value[step], marks[step]
    return index
