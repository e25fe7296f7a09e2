"""A user installs the chart and applies the quick-start sample: a request is answered through the gateway's Service."""

import json

from tests.e2e.conftest import Release


def test_a_request_is_answered_and_says_what_became_of_it(release: Release) -> None:
    answer = release.answer
    assert answer["status"] == 200, answer
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    assert headers["x-modelfleet-policy"].startswith("minimal/chat"), headers
    assert headers["x-modelfleet-tier"] == "only"
    assert headers["x-modelfleet-model"] == "chat-small"
    assert json.loads(answer["body"])["choices"]
