from modelfleet.fleet.recall import Recall


def test_the_same_arguments_are_not_worked_out_again() -> None:
    calls = list[int]()

    def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    first = Recall()
    assert [first.of("a", double, 1), first.of("b", double, 2)] == [2, 4]
    second = Recall(first)
    assert [second.of("a", double, 1), second.of("b", double, 3)] == [2, 6]
    assert calls == [1, 2, 3]


def test_what_a_round_did_not_ask_for_is_forgotten() -> None:
    calls = list[int]()
    recall = Recall()
    for asked in (True, False, True):
        recall = Recall(recall)
        if asked:
            recall.of("a", calls.append, 1)
    assert calls == [1, 1]
