import json
import math

from common.callbacks import evaluation_log
from common.testing.evaluations import METRIC, evaluation


def are_others(rows: str) -> bool:
    return rows == "others"


def test_a_line_that_a_killed_process_began_is_left_out(tmp_path: object) -> None:
    log = evaluation_log.EvaluationLog(str(tmp_path))
    log.evaluated(evaluation(10, 0.5))
    with open(str(tmp_path.joinpath(evaluation_log.FILE)), "a") as file:
        file.write('{"step": 20, "ta')
    log.evaluated(evaluation(20, float("nan")))
    log.evaluated(evaluation(30, 0.7))
    lines = evaluation_log.read(str(tmp_path), 20, are_others)
    assert [line.step for line in lines] == [10, 20] and lines[0].values[METRIC] == 0.5
    assert math.isnan(lines[1].values[METRIC])


def test_a_step_that_was_evaluated_again_counts_as_the_last_time(tmp_path: object) -> None:
    log = evaluation_log.EvaluationLog(str(tmp_path))
    for step, value in ((10, 0.5), (20, 0.6), (10, 0.7)):
        log.evaluated(evaluation(step, value))
    lines = evaluation_log.read(str(tmp_path), 20, are_others)
    values = {line.step: line.values[METRIC] for line in lines}
    assert values == {10: 0.7, 20: 0.6}
    assert evaluation_log.read(str(tmp_path.joinpath("none")), 20, are_others) == []


def test_lines_of_other_rows_are_left_out(tmp_path: object) -> None:
    log = evaluation_log.EvaluationLog(str(tmp_path))
    log.evaluated(evaluation(10, 0.7)._replace(rows="others"))
    log.evaluated(evaluation(20, 0.6)._replace(rows="these"))
    with open(str(tmp_path.joinpath(evaluation_log.FILE)), "a") as file:
        file.write(json.dumps({"step": 15, "tasks": {}}) + "\n")  # of an earlier version
    lines = evaluation_log.read(str(tmp_path), 20, are_others)
    assert [(line.step, line.rows) for line in lines] == [(15, ""), (20, "these")]
