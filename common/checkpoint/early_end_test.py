import pytest

from common.checkpoint import early_end
from common.checkpoint.early_end import EarlyEnd, Rules

RULES: Rules = {"early_stop": 2, "early_stop_metric": "y/auc"}


def test_written_read_and_taken_back(tmp_path: object) -> None:
    folder = str(tmp_path.joinpath("run"))
    assert early_end.read(folder, RULES) is None
    end = EarlyEnd(30, "a reason", RULES)
    early_end.write(folder, end)
    assert early_end.read(folder, RULES) == end
    early_end.write(folder, end._replace(last_step=31))
    assert early_end.read(folder, RULES) == EarlyEnd(30, "a reason", RULES, 31)
    early_end.remove(folder)
    assert early_end.read(folder, RULES) is None
    early_end.remove(folder)


@pytest.mark.parametrize("rules, ends", [
    ({}, False),
    (dict(RULES, early_stop=3), False),
    (dict(RULES, early_stop_metric="x/auc"), False),
    ({"max_hours": 1.5}, False),
    (dict(RULES, max_hours=1.5), True),
])
def test_only_the_rules_that_decided_it_count(tmp_path: object, rules: Rules, ends: bool) -> None:
    early_end.write(str(tmp_path), EarlyEnd(30, "a reason", RULES))
    assert bool(early_end.read(str(tmp_path), rules)) == ends
