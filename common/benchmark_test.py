import json
import os

import pytest

from common import benchmark
from data import taobao


@pytest.mark.slow
def test_measures_every_variant(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    taobao.make(2000, 100, 1, 0.3, 0.1, str(tmp_path))
    out = os.path.join(str(tmp_path), "out.json")
    benchmark.main(["esmm", "--data_location", str(tmp_path), "--batch_size", "64", "--rows", "1000",
                    "--rounds", "1", "--optimizer", "documented", "--out", out])
    with open(out) as file:
        report = json.load(file)
    assert set(report["input_rows_per_sec"]) == {"--tf (CSV)", "CSV", "Parquet"}
    assert set(report["training"]["64"]) == {"--tf", "FP32", "BF16"}
    for run in report["training"]["64"].values():
        assert run["samples_per_sec"] == pytest.approx(64 * run["steps_per_sec"]) and run["peak_memory_mb"] > 50
        assert 0 < run["share_of_gemm_limit"] < 1 and run["cpu_secs_per_1000_samples"] > 0
    assert report["training"]["64"]["--tf"]["ratio"] == 1
    printed = capsys.readouterr().out
    assert "Parquet" in printed and "| 1.00 |" in printed and "optimizer as documented, --tf adam:" in printed
    assert "`python -m common.benchmark esmm --data_location" in printed
