import glob
import json
import os

import pytest

from common.callbacks.timeline import Timeline
from common.config.cluster import Cluster
from common.testing.runs import make_run
from common.testing.steps import train_with

JOBS = {"chief": ["c:1"], "worker": ["w:1"]}


@pytest.mark.parametrize("steps, count", [(0, 0), (2, 3)])
def test_traces(tmp_path: object, steps: int, count: int) -> None:
    run = make_run(tmp_path, timeline=steps)
    train_with(Timeline(run), [0.5] * 6, {})
    traces = glob.glob(os.path.join(run.result_dir, "timeline-*.json"))
    assert len(traces) == count
    for trace in traces:
        with open(trace) as file:
            assert json.load(file)["traceEvents"]


@pytest.mark.parametrize("role", ["chief", "worker"])
def test_the_processes_of_a_cluster_write_files_of_their_own(tmp_path: object, role: str) -> None:
    run = make_run(tmp_path, timeline=1, cluster=Cluster(JOBS, role, 0))
    train_with(Timeline(run), [0.5] * 3, {})
    names = [name for name in os.listdir(run.result_dir) if name.endswith(".json")]
    assert names and all(name.startswith("timeline-{}-0-".format(role)) for name in names)
