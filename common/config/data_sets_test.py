import argparse
import json
import re

import pytest

from common import flags
from common.config import data_sets, model
from common.formats import csv_layout
from data import eleme, taobao


def parse(*argv: str) -> argparse.Namespace:
    return flags.parse(flags.make_parser("", model.read("mmoe")), list(argv))


def test_data_sets_are_the_modules_with_a_schema() -> None:
    assert set(data_sets.names()) >= {"amazon", "eleme", "taobao"}
    assert "planted" not in data_sets.names() and "planted_test" not in data_sets.names()
    assert data_sets.load("eleme") == eleme.SCHEMA


def test_the_default_is_the_models_own() -> None:
    args = parse()
    assert args.schema == taobao.SCHEMA and args.tasks == ("click", "purchase")


def test_a_file_gives_schema_tasks_and_the_metric_that_ends_training(tmp_path: object) -> None:
    path = tmp_path.joinpath("own.json")  # type: ignore[attr-defined]
    path.write_text(json.dumps({"columns": [
        {"name": "a", "kind": "label"}, {"name": "b", "kind": "label", "task": "c"},
        {"name": "who", "kind": "hash", "buckets": 9}]}))
    args = parse("--schema", str(path))
    assert args.schema.name == "own" and args.tasks == ("a", "c")
    assert "a/auc" in [getattr(value, "name", "") for value in args.settings]


@pytest.mark.parametrize("name, message", [
    ("taobo", "argument --schema: no data set 'taobo'. There are aliccp, .*eleme.*; or name a file "
              "that ends in .json."),
    ("none.json", "argument --schema: none.json: No such file or directory."),
    ("amazon", "error: MMoE cannot use schema 'amazon': MMoE reads no list whose items keep their "
               "order, as 'history_items', 'history_categories' is."),
])
def test_wrong_names_are_wrong_use(name: str, message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse("--schema", name)
    assert re.search(message, " ".join(capsys.readouterr().err.split()))


@pytest.mark.parametrize("argv, in_schema, expected", [
    ([], False, False), ([], True, True), (["--csv_header"], False, True),
    (["--csv_header", "false"], True, False)])
def test_the_flag_overrides_the_header_of_the_schema(argv: list, in_schema: bool,
                                                     expected: bool) -> None:
    args = parse(*argv)
    args.schema = args.schema._replace(header=in_schema)
    assert csv_layout.has_header(args) is expected
