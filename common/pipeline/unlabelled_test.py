from typing import Any, List

import numpy as np
import pytest

from common.config.schema import Column, Schema
from common.errors import BadInput
from common.pipeline import blocks, unlabelled
from common.pipeline.row_order import Stream
from common.pipeline.source import Data

SCHEMA = Schema(
    name="shop",
    columns=(Column("clk", "label"), Column("who", "user"), Column("page", "identity", 100),
             Column("times", "weight"), Column("size", "number", default="0")),
    train_file="", test_file="", user_column="who", module="")


def open_rows(folder: Any, text: str, header: bool = False, max_bad_rows: int = 0) -> Data:
    (folder / "rows.csv").write_text(text)
    return unlabelled.open_to_score(
        str(folder / "rows.csv"), "", SCHEMA, max_bad_rows, header, False)


def ids(data: Data) -> List[int]:
    read = list(blocks.read_blocks(data.train, data, Stream(2)))
    assert all(block.labels.shape[1] == 0 for block in read)
    return np.concatenate([block.ids[:, 0] for block in read]).tolist()


def test_rows_may_have_targets_which_are_not_looked_at(tmp_path: Any) -> None:
    assert ids(open_rows(tmp_path, "1,u,7,1,0.5\nmaybe,u,8,-1,0.5\n")) == [7, 8]


def test_text_without_a_header_may_lack_all_targets(tmp_path: Any) -> None:
    assert ids(open_rows(tmp_path, "u,7,0.5\nu,8,0.5\n")) == [7, 8]


def test_the_first_line_that_there_is_tells(tmp_path: Any) -> None:
    (tmp_path / "part-0.csv").write_text("")
    (tmp_path / "part-1.csv").write_text("u,7,0.5\n")
    data = unlabelled.open_to_score(str(tmp_path), "", SCHEMA, 0, False, False)
    assert ids(data) == [7]


def test_columns_of_folders_are_not_counted(tmp_path: Any) -> None:
    folder = tmp_path / "who=u"
    folder.mkdir()
    (folder / "rows.csv").write_text("7,0.5\n")
    data = unlabelled.open_to_score(str(tmp_path), "", SCHEMA, 0, False, False)
    assert ids(data) == [7]


def test_with_a_header_any_target_may_be_missing(tmp_path: Any) -> None:
    assert ids(open_rows(tmp_path, "size,page,clk\n0.5,7,1\n", header=True)) == [7]
    with pytest.raises(BadInput, match="rows.csv: missing columns: page"):
        open_rows(tmp_path, "size,clk\n0.5,1\n", header=True)


def test_rows_of_another_number_of_fields_are_bad(tmp_path: Any) -> None:
    text = "u,7,0.5\n1,u,7,1,0.5\n"
    with pytest.raises(BadInput, match="rows.csv, row 2: .*expected 3 columns, not 5"):
        ids(open_rows(tmp_path, text))
    data = open_rows(tmp_path, text, max_bad_rows=1)
    assert (ids(data), data.bad_rows.count) == ([7], 1)


def test_rows_that_are_not_there_are_an_error(tmp_path: Any) -> None:
    with pytest.raises(BadInput, match="--files .*nowhere.csv: no such file or folder"):
        unlabelled.open_to_score(str(tmp_path / "nowhere.csv"), "", SCHEMA, 0, False, False)
    with pytest.raises(BadInput, match="rows.csv: the file is empty"):
        open_rows(tmp_path, "")
