"""Texts with a grammar of their own: what each takes, what it refuses, and with which words."""

from collections import Counter
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.support.formats import FORMATS, Format, rules_in_use

IDS = [form.rule.name for form in FORMATS]


def complaints(form: Format, value: Any) -> set[tuple[str, str]]:
    with pytest.raises(ValidationError) as caught:
        form.adapter().validate_python(value)
    return {(error["type"], error["msg"]) for error in caught.value.errors(include_url=False)}


@pytest.mark.parametrize("form", FORMATS, ids=IDS)
def test_its_own_example_is_refused_with_its_own_words(form: Format) -> None:
    assert complaints(form, yaml.safe_load(form.rule.example)) == {(form.rule.reason.value, form.rule.message)}


@pytest.mark.parametrize("form", FORMATS, ids=IDS)
def test_bad_values_are_refused_with_its_words(form: Format) -> None:
    words = {(form.rule.reason.value, form.rule.message)}
    assert [value for value in form.bad if complaints(form, value) != words] == []


@pytest.mark.parametrize("form", FORMATS, ids=IDS)
def test_good_values_are_taken(form: Format) -> None:
    for value in form.good:
        form.adapter().validate_python(value)


def test_every_rule_on_a_type_is_here_once() -> None:
    names = Counter(form.rule.name for form in FORMATS)
    assert dict(names) == dict.fromkeys(rules_in_use(), 1)
