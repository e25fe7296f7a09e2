"""YAML in which every text is in quotes, for readers who would take `n`, `1e3` or `nan` for something else."""

from typing import Any

import yaml


class _Text(str):
    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    pass


def quoted_yaml(value: Any) -> str:
    """The value as YAML; the names of fields stand as they are."""
    return yaml.dump(_marked(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _marked(value: Any) -> Any:
    # A copy of each part, too: one that occurs twice would be written once, and referred to.
    match value:
        case dict():
            return {name: _marked(part) for name, part in value.items()}
        case list() | tuple():
            return [_marked(part) for part in value]
        case str():
            return _Text(value)
        case _:
            return value


def _represent(dumper: yaml.SafeDumper, text: _Text) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')


_Dumper.add_representer(_Text, _represent)
