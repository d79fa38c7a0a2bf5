import os
from typing import Any

import numpy as np

from common.reporting import events
from common.reporting.events import Training
from common.testing import reported


def test_series_of_several_files_and_what_was_trained_again_counts_last(tmp_path: Any) -> None:
    folder = str(tmp_path)
    reported.write_events(folder, [(1, 0.7), (101, 0.6), (201, 0.5)], suffix=".first")
    reported.write_events(folder, [(101, 0.4), (301, 0.25)], suffix=".second")
    found = events.read(folder)
    np.testing.assert_allclose(found.loss, [(1, 0.7), (101, 0.4), (201, 0.5), (301, 0.25)])
    assert [step for step, _ in found.steps_per_sec] == [1, 101, 201, 301]


def test_a_file_that_a_kill_has_cut_is_read_up_to_there(tmp_path: Any) -> None:
    path = reported.write_events(str(tmp_path), [(1, 0.7), (101, 0.6), (201, 0.5)])
    with open(path, "r+b") as file:
        file.truncate(os.path.getsize(path) - 9)
    found = events.read(str(tmp_path))
    assert [step for step, _ in found.loss] == [1, 101]
    assert found.damaged == [os.path.basename(path)]


def test_a_folder_without_events(tmp_path: Any) -> None:
    assert events.read(str(tmp_path)) == Training((), (), [])._replace(loss=[], steps_per_sec=[])
    assert events.read(str(tmp_path / "none")).loss == []


def test_thinning_keeps_the_extremes_and_the_order() -> None:
    values = np.random.default_rng(0).random(100000)
    values[12345], values[54321], values[777] = 9.0, -9.0, np.nan
    points = list(enumerate(values.tolist()))
    kept = events.thinned(points)
    assert len(kept) <= events.MAX_POINTS and kept == sorted(kept)
    assert {(12345, 9.0), (54321, -9.0)} <= set(kept)
    assert events.thinned(points[:500]) == points[:500]
