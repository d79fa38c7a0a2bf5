from typing import Dict

import pytest

from common.places import mirror_names

FIVE = 'model_checkpoint_path: "/a/b/model.ckpt-5"\nall_model_checkpoint_paths: "model.ckpt-3"\n'


@pytest.mark.parametrize("name, states, expected", [
    ("model.ckpt-5.index", {"checkpoint": FIVE}, False),
    ("model.ckpt-3.meta", {"checkpoint": FIVE}, False),
    ("model.ckpt-35.meta", {"checkpoint": FIVE}, True),
    ("model.ckpt-5.index", {}, False),
    ("x/model.ckpt-4.index", {"checkpoint": FIVE}, False),
    ("x/model.ckpt-4.index", {"x/checkpoint": FIVE}, True),
    (".incremental_checkpoint/model.ckpt-5.index", {}, True),
    (".incremental_checkpoint/checkpoint", {}, True),
    ("checkpoint", {}, False),
    ("config.json", {"checkpoint": FIVE}, False),
])
def test_what_made_room_for_newer_checkpoints(
        name: str, states: Dict[str, str], expected: bool) -> None:
    assert mirror_names.is_rotated(name, states) == expected
    assert mirror_names.is_removed_by_runs(name, states) == expected


def test_the_newest_checkpoint_of_a_state() -> None:
    assert mirror_names.newest_index("checkpoint", FIVE) == "model.ckpt-5.index"
    assert mirror_names.newest_index("x/checkpoint", FIVE) == "x/model.ckpt-5.index"
    assert mirror_names.newest_index("checkpoint", "") is None


def test_what_no_state_names_is_not_restored() -> None:
    names = ["checkpoint", "config.json", "model.ckpt-3.index", "model.ckpt-4.index"]
    assert mirror_names.restorable(names, {"checkpoint": FIVE}) == names[:3]
    assert mirror_names.restorable(names, {}) == names[:2]
