import argparse
import json
import os
import re
from typing import Any, Dict

import numpy as np
import pytest

from common.callbacks import curves, evaluation_log
from common.callbacks.curves import Curves, Slices
from common.config.flag_types import FlagParser
from common.errors import BadInput
from common.scoring import slices
from common.testing import evaluations, runs, toy

SLICES = Slices(("kind", "size", "tags"))


def read(folder: object) -> Dict[str, Any]:
    with open(os.path.join(evaluations.folder_of(folder), curves.FILE)) as file:
        return json.load(file)


@pytest.fixture(scope="module", params=["ours", "tf"])
def run(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A folder with a run that has evaluated three times, with slices."""
    folder = tmp_path_factory.mktemp("curves")
    settings = (*evaluations.settings_of(10)["settings"], SLICES)
    toggles = runs.Toggles(tf=request.param == "tf")
    data = toy.open_toy(folder, runs.TRAIN, runs.TEST, check_all=toggles.tf)
    params = runs.Params(embedding=runs.Embedding(4, toggles))
    runs.train(folder, data, params, settings=settings, toggles=toggles)
    return folder


@pytest.mark.slow
def test_the_file_is_of_the_last_evaluation(run: Any) -> None:
    found = read(run)
    last = evaluations.evaluations(run)[-1]
    assert found["step"] == last.step == 30 and list(found["tasks"]) == ["y"]
    roc = np.array(found["tasks"]["y"]["roc"])
    assert np.trapz(roc[:, 1], roc[:, 0]) == pytest.approx(last.values["y/auc"], abs=1e-5)
    assert sum(one[4] for one in found["tasks"]["y"]["reliability"]) == len(runs.TEST)


@pytest.mark.slow
def test_slices_are_of_the_rows_values(run: Any) -> None:
    found = {cut["column"]: cut for cut in read(run)["slices"]}
    assert list(found) == list(SLICES.columns)
    kinds = [row[3] or slices.EMPTY for row in runs.TEST]
    labels = [int(row[0]) for row in runs.TEST]
    for value, measured in zip(found["kind"]["values"], found["kind"]["tasks"]["y"]):
        own = [label for kind, label in zip(kinds, labels) if kind == value]
        assert (measured["rows"], measured["positives"]) == (len(own), sum(own))
    assert sorted(found["kind"]["values"]) == sorted(set(kinds))
    assert found["tags"]["note"] == "by the number of items of a list"


@pytest.mark.slow
@pytest.mark.parametrize("is_tf", [False, True])
def test_a_sample_is_cut_by_its_own_rows_and_the_last_evaluation_by_all(
        is_tf: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    summaries = []

    def noted(step: int, tasks: Any, cuts: Any) -> Dict[str, Any]:
        found = curves_summary(step, tasks, cuts)
        sums = [sum(one["rows"] for one in cut["tasks"]["y"]) for cut in found["slices"]]
        summaries.append((step, len(tasks["y"].labels), sums))
        return found

    curves_summary = curves.summary
    monkeypatch.setattr(curves, "summary", noted)
    toggles = runs.Toggles(tf=is_tf)
    data = toy.open_toy(tmp_path, runs.TRAIN, runs.TEST, check_all=is_tf)
    settings = (*evaluations.settings_of(5)["settings"], Slices(("kind",)))
    runs.train(tmp_path, data, runs.Params(embedding=runs.Embedding(4, toggles)), steps=10,
               settings=settings, toggles=toggles, eval_rows=20)
    of_sample = [] if is_tf else [20.0]
    assert summaries == [(5, 20, of_sample), (10, 20, of_sample), (10, 50, [50.0])]


@pytest.mark.slow
def test_without_slices_there_is_no_second_reading(
        tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "cut", None)
    runs.train(tmp_path, steps=3)
    assert read(tmp_path)["slices"] == [] and read(tmp_path)["tasks"]["y"]["roc"]


@pytest.mark.slow
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BadInput("no column")])
def test_what_keeps_the_file_from_being_written_ends_no_run(
        error: Exception, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    def fail(*args: object) -> None:
        raise error

    monkeypatch.setattr(slices, "cut", fail)
    metrics = runs.train(tmp_path, steps=3, settings=(SLICES,))
    assert metrics["y"]["rows"] == len(runs.TEST)
    folder = evaluations.folder_of(tmp_path)
    assert not os.path.exists(os.path.join(folder, curves.FILE))
    assert len(evaluation_log.lines(os.path.join(folder, evaluation_log.FILE))) == 1
    warning = "warning: {} cannot be written, and report.html lacks its plots: {}".format(
        os.path.join(folder, curves.FILE), error)
    assert warning in capfd.readouterr().err


def test_a_validation_writes_nothing(tmp_path: Any) -> None:
    callback = Curves(str(tmp_path), toy.open_toy(tmp_path, runs.TRAIN, runs.TEST), ())
    callback.evaluated(evaluations.evaluation(10, 0.7))  # of which no rows were taken
    assert not os.path.exists(os.path.join(str(tmp_path), curves.FILE))


def flags(*argv: str, no_eval: bool = False) -> argparse.Namespace:
    parser = FlagParser("")
    parser.set_defaults(schema=toy.SCHEMA, no_eval=no_eval)
    curves.add_flags(parser)
    return parser.parse_args(list(argv))


def test_flags() -> None:
    assert curves.from_flags(flags()) == curves.from_flags(flags(no_eval=True)) == Slices()
    assert curves.from_flags(flags("--slices", "kind, z")) == Slices(("kind", "z"))


@pytest.mark.parametrize("text, no_eval, message", [
    ("age", False, "--slices age: schema 'toy' has no such column. It has y, z, user, kind, extra, "
                   "size, tags."),
    ("kind,", False, "--slices '': schema 'toy' has no such column."),
    ("kind,kind", False, "--slices: kind is named twice. Leave one out."),
    ("kind", True, "--slices kind: --no_eval reads no test rows, so there are none to cut. Drop ")])
def test_wrong_slices(text: str, no_eval: bool, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        curves.from_flags(flags("--slices", text, no_eval=no_eval))
