"""The fleet that is served where no other is named."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import as_file, files

SAMPLE = files("modelfleet.local").joinpath("sample.yaml")


@contextmanager
def sample_paths(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    """The paths, or that of the sample fleet."""
    if paths:
        yield paths
        return
    with as_file(SAMPLE) as path:
        yield [str(path)]
