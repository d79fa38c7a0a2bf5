import os
from typing import Any

import pytest

from common import run_folder
from common.config.cluster import Cluster
from common.errors import FolderInUse
from common.testing.runs import make_run


def test_a_second_run_in_a_folder_is_refused_until_the_first_ends(tmp_path: Any) -> None:
    run = make_run(tmp_path)
    with run_folder.held(run):
        with pytest.raises(FolderInUse, match="run: another run writes there.* Wait for its end"):
            with run_folder.held(run):
                pass
    with run_folder.held(run):
        pass


def test_what_killed_starts_have_left_is_removed_and_told(tmp_path: Any, capsys: Any) -> None:
    run = make_run(tmp_path)
    names = ["model.ckpt-3.data-00000-of-00001", "export/temp-17", "export_best/.tmp9", "export/5"]
    paths = [os.path.join(run.result_dir, name) for name in names]
    for path in paths:
        os.makedirs(path)
    with run_folder.held(run):
        assert [os.path.exists(path) for path in paths] == [False, False, False, True]
    told = capsys.readouterr().err
    assert "removing what a start that was killed has left: " in told
    assert all(path in told for path in paths[:3]) and paths[3] not in told


def test_a_worker_holds_no_lock(tmp_path: Any) -> None:
    addresses = {"chief": ["a:1"], "worker": ["b:1"]}
    run = make_run(tmp_path)
    with run_folder.held(run):
        with run_folder.held(run._replace(cluster=Cluster(addresses, "worker", 0))):
            pass
