"""The words of a canned answer, whatever form the caller asked for; the form is looked at on the way."""

from tests.dataplane.support.answers import Answer

FORMS = {"/v1/chat/completions": "chat.completion", "/v1/completions": "text_completion"}


def words_of(answer: Answer, path: str, *, stream: bool) -> str:
    """An error has them as its message, all else as what a model would have said."""
    assert answer.complete, answer
    if answer.status >= 400:
        assert answer.header("content-type") == "application/json"
        error = answer.json()["error"]
        assert set(error) == {"message", "type", "code"}
        assert error["type"] == ("invalid_request_error" if answer.status < 500 else "api_error")
        return str(error["message"])
    return _streamed(answer, path) if stream else _whole(answer, path)


def _whole(answer: Answer, path: str) -> str:
    assert answer.header("content-type") == "application/json"
    value = answer.json()
    assert value["object"] == FORMS[path]
    (choice,) = value["choices"]
    assert choice["finish_reason"] == "stop"
    return str(choice["text"] if "text" in choice else choice["message"]["content"])


def _streamed(answer: Answer, path: str) -> str:
    assert (answer.header("content-type") or "").startswith("text/event-stream")
    *chunks, done = [event.data for event in answer.sse()]
    assert done == "[DONE]"
    values = [event.json() for event in answer.sse()[: len(chunks)]]
    assert {value["object"] for value in values} == {FORMS[path].replace("chat.completion", "chat.completion.chunk")}
    choices = [choice for value in values for choice in value["choices"]]
    return "".join(choice["text"] if "text" in choice else choice["delta"].get("content", "") for choice in choices)
