import os
from typing import List

import pytest

from common.checkpoint import leftovers


def make(folder: str, names: List[str]) -> None:
    for name in names:
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        open(path, "w").close()


def names_of(paths: List[str], folder: str) -> List[str]:
    return [os.path.relpath(path, folder) for path in paths]


def test_checkpoints_without_an_index_and_parts_are_left_over(tmp_path: object) -> None:
    folder = str(tmp_path)
    whole = ["model.ckpt-5.data-00000-of-00001", "model.ckpt-5.index", "model.ckpt-5.meta",
             "checkpoint", "model.ckpt-notes.txt", "events.out.tfevents.1"]
    half = ["model.ckpt-7.data-00000-of-00002", "model.ckpt-9.meta",
            "model.ckpt-9_temp_abc"]
    make(folder, [*whole, *half[:2], half[2] + "/part-00000-of-00001.index"])
    assert names_of(leftovers.of_saves(folder), folder) == half
    leftovers.remove(leftovers.of_saves(folder))
    assert sorted(os.listdir(folder)) == sorted(whole)


def test_exports_that_were_not_finished_are_left_over(tmp_path: object) -> None:
    folder = str(tmp_path)
    make(folder, ["17/saved_model.pb", "temp-b'18'/variables/a", ".tmp12/19/saved_model.pb"])
    leftovers.remove(leftovers.of_exports(folder))
    assert os.listdir(folder) == ["17"]


@pytest.mark.parametrize("of", [leftovers.of_saves, leftovers.of_exports])
def test_a_folder_that_is_not_there_has_none(tmp_path: object, of: object) -> None:
    assert of(os.path.join(str(tmp_path), "[no]")) == []  # type: ignore[operator]
