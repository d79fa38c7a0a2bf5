import json
import math
import os
import re
from html.parser import HTMLParser
from typing import Any, Dict, List

import pytest

from common import files
from common.reporting import report
from common.testing import reported

_VOID = {"meta", "link", "br"}
BAD = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&"


class Page(HTMLParser):
    """What a page holds.

    Attributes:
      text: all that is read.
      tags: every tag that begins, with its attributes.
      unclosed: tags that do not end, in their order.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text, self.tags, self.unclosed = "", [], []  # type: ignore
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.unclosed.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.unclosed[-1:] != ["style"]:
            self.text += data + " "

    def headings(self) -> List[str]:
        """The anchors of its sections."""
        return [attrs["id"] for tag, attrs in self.tags if tag == "h2"]

    def plots(self) -> List[str]:
        """The titles of its plots."""
        return [attrs["aria-label"] for tag, attrs in self.tags if tag == "svg"]


def page_of(*folders: str) -> Page:
    out = os.path.join(folders[0], "out.html")
    report.write(folders, out)
    with open(out, encoding="utf-8") as file:
        html = file.read()
    assert len(html) < 500000
    page = Page(html)
    assert not page.unclosed
    # Self-contained: no script, and nothing from elsewhere.
    assert not [tag for tag, _ in page.tags if tag in ("script", "img", "iframe", "object")]
    for tag, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name == "src"]
        address = attrs.get("href") or "#"
        assert address.startswith(("#", "data:,")), address
    assert "url(" not in html and "@import" not in html
    return page


def test_the_page_of_a_run_that_is_over(tmp_path: Any) -> None:
    page = page_of(reported.write(str(tmp_path / "run")))
    assert page.headings() == ["metrics", "steps", "curves", "slices", "tables", "origin"]
    for title in ("Training loss", "Throughput", "AUC", "Log loss", "Calibration", "ROC: click",
                  "Reliability: purchase", "AUC of click by age",
                  "Calibration of purchase by age", "Keys of embedding variables"):
        assert title in page.plots(), title
    auc = reported.metrics_of("click")["auc"]
    for words in ("ESMM \N{MIDDLE DOT} run", "finished at step 300", "{:.4f}".format(auc), "24,000",
                  "python esmm/train.py --steps 300", "1 file, 12.3 kB, in /rows", "day.csv",
                  "Note: a note.", "5,000"):
        assert words in page.text, words


def test_every_plot_of_series_has_its_numbers_as_a_table(tmp_path: Any) -> None:
    page = page_of(reported.write(str(tmp_path / "run")))
    tags = [tag for tag, _ in page.tags]
    with_numbers = [title for title in page.plots() if " by " not in title]
    assert tags.count("details") == len(with_numbers) + 1  # and one for the slices
    assert "0.6990" in page.text  # the loss of step 1


def test_nothing_from_outside_becomes_markup(tmp_path: Any) -> None:
    folder = reported.write(
        str(tmp_path / "run<b>&"), values=[BAD, "b"], command=BAD, versions={BAD: BAD},
        train={"folder": BAD, "files": [{"name": BAD, "bytes": 1}]})
    line = {"step": 400, "tasks": {BAD: reported.metrics_of("click")}}
    files.add_line(os.path.join(folder, "metrics.jsonl"), line)
    page = page_of(folder)  # which has no tag of BAD
    assert page.text.count("alert(1)") > 5 and "run<b>&" in page.text


def test_runs_beside_each_other(tmp_path: Any) -> None:
    one = reported.write(str(tmp_path / "a" / "run"))
    other = reported.write(str(tmp_path / "b" / "run"), steps=[100, 250])
    page = page_of(one, other)
    assert "2 runs beside each other" in page.text and "click, a/run" in page.text
    assert {"ROC: click", "AUC: click", "AUC: purchase"} <= set(page.plots())
    assert page.plots().count("ROC: click") == 1
    assert {"origin1", "origin2"} <= set(page.headings())


def remove(folder: str, *names: str) -> None:
    for name in os.listdir(folder):
        if name in names or "events" in names and "tfevents" in name:
            os.remove(os.path.join(folder, name))


def change(folder: str, name: str, **values: Any) -> None:
    path = os.path.join(folder, name)
    with open(path) as file:
        whole = json.load(file)
    reported.write_json(folder, name, {**whole, **values})


@pytest.mark.parametrize("names, absent, note", [
    (["metrics.json"], [], "not finished: there is no metrics.json yet"),
    (["curves.json"], ["curves", "slices"], "no ROC, reliability and slices: there is no curves"),
    (["events"], [], "no loss and no throughput: the folder has no TensorBoard events"),
    (["keys.jsonl"], ["tables"], ""),
    (["metrics.json", "metrics.jsonl", "curves.json", "events", "keys.jsonl"],
     ["metrics", "steps", "curves", "slices", "tables"], "no evaluation yet")])
def test_what_is_missing_is_left_out_and_said(
        names: List[str], absent: List[str], note: str, tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"))
    remove(folder, *names)
    page = page_of(folder)
    assert not set(absent) & set(page.headings()) and "origin" in page.headings()
    assert note in page.text


def test_a_run_without_evaluations_says_why(tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"), run={"model": "DIN", "evaluate": False})
    remove(folder, "metrics.jsonl", "curves.json")
    change(folder, "metrics.json", tasks={})
    page = page_of(folder)
    assert "no evaluation: the run has --no_eval" in page.text and "Training loss" in page.plots()


def test_one_evaluation_is_no_curve_over_steps(tmp_path: Any) -> None:
    page = page_of(reported.write(str(tmp_path / "run"), steps=[300]))
    assert "AUC" not in page.plots() and "Training loss" in page.plots()
    assert "one evaluation, so there is nothing to plot over steps" in page.text


def test_a_task_of_one_class_has_no_auc(tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"))
    values: Dict[str, Any] = {name: None for name in ("auc", "auc_low", "auc_high", "calibration")}
    change(folder, "metrics.json",
           tasks={"click": {**reported.metrics_of("click"), **values, "positives": 0.0}})
    page = page_of(folder)
    assert "click: no AUC, as its rows are of one class (0 positives of 600)" in page.text
    assert "AUC click n/a 0 positives" in page.text


def test_curves_of_another_step_are_said_to_be(tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"))
    change(folder, "curves.json", step=200)
    assert ("ROC, reliability and slices are of step 200, the metrics of step 300"
            in page_of(folder).text)


@pytest.mark.parametrize("name", ["metrics.json", "curves.json"])
@pytest.mark.parametrize("content", ['{"step": 3', "[]", '"\\ud800"', ""])
def test_damaged_files_are_named_and_the_rest_is_shown(
        name: str, content: str, tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"))
    with open(os.path.join(folder, name), "w") as file:
        file.write(content)
    page = page_of(folder)
    assert "steps" in page.headings() and name + ": it" in page.text


def test_days_and_their_numbers(tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"))
    for day, auc in (("2026-11-01", None), ("2026-11-02", 0.7125)):
        values = {**reported.metrics_of("click"), "auc": auc}
        files.add_line(os.path.join(folder, "days.jsonl"), {
            "day": day, "tasks": {"click": values}, "first_task": "click", "new_keys": 1234,
            "evicted_keys": 5, "secs": 61.5})
    page = page_of(folder)
    assert "AUC by day" in page.plots() and "days" in page.headings()
    for words in ("2026-11-02", "0.7125", "1,234", "61.5", "n/a"):
        assert words in page.text


def test_bad_rows_and_unknown_ids_are_said(tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"))
    change(folder, "metrics.json", bad_rows=1200, unknown_ids={"item": 34})
    text = page_of(folder).text
    assert "rows that could not be read and were left out: 1,200" in text
    assert "item: values that its vocabulary lacks: 34" in text


def test_a_folder_that_is_no_run(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="there is no config.json in it, so it is not the folder"):
        report.write([str(tmp_path)], str(tmp_path / "report.html"))
    assert not os.path.exists(str(tmp_path / "report.html"))


def test_numbers_that_do_not_exist_are_gaps(tmp_path: Any) -> None:
    folder = reported.write(str(tmp_path / "run"))
    values = {**reported.metrics_of("click"), "auc": math.nan, "auc_low": math.nan,
              "auc_high": math.nan}
    values = {name: None if math.isnan(value) else value for name, value in values.items()}
    files.add_line(os.path.join(folder, "metrics.jsonl"),
                   {"step": 400, "tasks": {"click": values}})
    page = page_of(folder)
    points = [attrs.get("points", "") for tag, attrs in page.tags if tag == "polyline"]
    assert points and not any("nan" in text for text in points)
