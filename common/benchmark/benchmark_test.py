import json
import os
from typing import List

import pytest

from common.benchmark import __main__
from common.benchmark import report as report_of
from data import taobao


@pytest.mark.slow
def test_measures_every_variant(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    taobao.make(2000, 100, 1, 0.3, 0.1, str(tmp_path))
    out = os.path.join(str(tmp_path), "out.json")
    __main__.main(["esmm", "--data_location", str(tmp_path), "--batch_size", "64", "--rows", "1000",
                   "--rounds", "1", "--optimizer", "documented", "--out", out])
    with open(out) as file:
        report = json.load(file)
    assert set(report["input_rows_per_sec"]) == {"--tf (CSV)", "CSV", "Parquet"}
    assert set(report["training"]["64"]) == {"--tf", "FP32", "BF16"}
    for run in report["training"]["64"].values():
        assert run["samples_per_sec"] == pytest.approx(
            64 * run["steps_per_sec"]) and run["peak_memory_mb"] > 50
        assert 0 < run["share_of_gemm_limit"] < 1 and run["cpu_secs_per_1000_samples"] > 0
    assert report["training"]["64"]["--tf"]["ratio"] == 1
    printed = capsys.readouterr().out
    assert "Parquet" in printed and "| 1.00 |" in printed
    assert "Batch 64, the model's own optimizer, Adam for `--tf`:" in printed
    assert report["flags"] == {
        "--tf": ["--tf", "--optimizer", "adam"], "FP32": [], "BF16": ["--bf16"]
    }
    assert "`python -m common.benchmark esmm --data_location" in printed


@pytest.mark.parametrize("argv, message",
                         [(["--rows", "500", "--batch_size", "512", "64"
                            ], "--rows must be >= every --batch_size. Got: --rows 500, "
                           "--batch_size 512 64"), (["--rows", "0"], "argument --rows"),
                          (["--rounds", "-1"], "argument --rounds"),
                          (["--batch_size", "0"], "argument --batch_size"),
                          (["--optimizer", "sgd"], "argument --optimizer: invalid choice")])
def test_wrong_flags(argv: List[str], message: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        __main__.main(["esmm"] + argv)
    assert message in capsys.readouterr().err


def test_figures_go_into_the_readme(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {
        name: dict(steps_per_sec=9.0, samples_per_sec=576.0, ratio=1.0, share_of_gemm_limit=0.5,
                   cpu_secs_per_1000_samples=0.1, peak_memory_mb=700.0)
        for name in __main__.TRAINING
    }
    monkeypatch.setattr(__main__, "ROOT", str(tmp_path))
    monkeypatch.setattr(__main__, "input_rates", lambda *_: {"CSV": 10.0})
    monkeypatch.setattr(__main__, "training_figures", lambda *_: figures)
    path = os.path.join(str(tmp_path), "esmm", "README.md")
    os.mkdir(os.path.dirname(path))
    with open(path, "w") as file:
        file.write("no marks")
    with pytest.raises(ValueError, match="esmm/README.md: expected one line"):
        __main__.main(["esmm", "--readme"])
    with open(path, "w") as file:
        file.write("\n".join(report_of.marks("sizes")))
    __main__.main(["esmm", "--readme", "sizes", "--batch_size", "64", "128"])
    with open(path) as file:
        written = file.read()
    assert "Batch 64, adagrad:" in written and "Batch 128, adagrad:" in written
    assert written.count("| FP32 | 9.0 | 576 |") == 2 and "commit" in written
