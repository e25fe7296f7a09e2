from modelfleet.api.kinds import KINDS
from modelfleet.findings import Reason
from modelfleet.fleet.change import check_change
from tests.support.documents import model, valid

HOSTED = "{engine: null, external: {url: 'https://api.example.com/v1'}}"


def test_a_model_that_moves_between_engine_and_external_is_told_so_either_way() -> None:
    own, hosted = valid(model()), valid(model(HOSTED))
    (transition,) = KINDS["ModelDeployment"].TRANSITIONS
    for old, new in ((own, hosted), (hosted, own)):
        (finding,) = check_change(old, new)
        assert (finding.path, finding.reason, finding.message) == (("spec",), Reason.IMMUTABLE, transition.message)
        assert finding.subject == new.key


def test_any_other_change_of_a_model_is_free() -> None:
    before, after = valid(model()), valid(model("{engine: {name: vllm}, scale: {replicas: 3}}"))
    assert list(check_change(before, after)) == []
