import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from typing import Dict, Optional

import pytest

from common import launch
from common.config import model
from data import taobao

LAUNCH = launch.__file__
JOB = {"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, "task": {"type": "worker", "index": 1}}


def test_the_command() -> None:
    assert launch.command(["din", "--bf16", "--steps", "3"]) == [
        sys.executable, os.path.join(model.ROOT, "din", "train.py"), "--bf16", "--steps", "3"]
    words = ["--train_files", "days/*/*.csv", "b c.csv", "--eval_files", "@live.txt"]
    assert launch.command(["esmm"] + words)[2:] == words


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_is_no_error(word: str, capsys: pytest.CaptureFixture) -> None:
    assert launch.main([word]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("usage: launch.py [--local") and "dlrm" in printed.out
    assert not printed.err


@pytest.mark.parametrize("words", [[], ["--bf16"], ["nope"], ["../esmm"]])
def test_an_unknown_model(words: object, capsys: pytest.CaptureFixture) -> None:
    assert launch.main(words) == 2
    assert "no model '" in capsys.readouterr().err


def test_the_environment(tmp_path: object) -> None:
    library = os.path.join(str(tmp_path), "libjemalloc.so.2")
    open(library, "w").close()
    made = launch.environment({"HOME": "/h", "TF_CONFIG": json.dumps(JOB)},
                              ["/nowhere", str(tmp_path)], "/nowhere")
    assert made["LD_PRELOAD"] == library and made["MALLOC_CONF"] == launch.MALLOC_CONF and made[
        "HOME"] == "/h"
    assert made["START_STATISTIC_STEP"] == "100" and made["STOP_STATISTIC_STEP"] == "110"
    assert made["OMP_NUM_THREADS"] == made["TF_NUM_INTRAOP_THREADS"] == str(
        len(os.sched_getaffinity(0)))
    assert json.loads(made["TF_CONFIG"]) == {
        "cluster": {"chief": ["a:1"], "worker": ["b:1"], "ps": ["c:1"]},
        "task": {"type": "worker", "index": 0}, "environment": "cloud"
    }


def test_what_is_set_stays(tmp_path: object) -> None:
    given = {
        "OMP_NUM_THREADS": "3", "LD_PRELOAD": "", "MALLOC_CONF": "narenas:1",
        "STOP_STATISTIC_STEP": "7"
    }
    made = launch.environment(given, [str(tmp_path)], "/nowhere")
    assert {name: made[name] for name in given} == given and "TF_CONFIG" not in made
    assert "LD_PRELOAD" not in launch.environment({}, [str(tmp_path)], "/nowhere")


def start(*words: str, cwd: Optional[str] = None, **environ: str) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, LAUNCH, *words], cwd=cwd,
                            env={**os.environ, **environ}, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT,
                            universal_newlines=True)


@pytest.mark.slow
@pytest.mark.parametrize("words, environ, message", [
    (["esmm", "--steps", "1"], {"TF_CONFIG": json.dumps(JOB)
                                }, "Give all of them the same --checkpoint"),
    (["esmm", "--steps", "x"], {}, "train.py: error: argument --steps: expected a whole number"),
    (["esmm"], {"TF_CONFIG": "{"}, "launch.py: error: TF_CONFIG is not JSON"),
    (["esmm", "--protocol", "grpc++"
      ], {}, "--protocol grpc\\+\\+ needs DeepRec: TensorFlow 1.15.5 registers no"),
])
def test_wrong_use_ends_with_2(words: object, environ: Dict[str, str], message: str) -> None:
    process = start(*words, **environ)
    output, _ = process.communicate()
    assert process.returncode == 2, output
    assert re.search(message, output), output


@pytest.mark.slow
def test_bad_input_ends_with_1(tmp_path: object) -> None:
    process = start("esmm", "--data_location", str(tmp_path), "--steps", "1")
    output, _ = process.communicate()
    assert process.returncode == 1 and "train.py: error: no rows of taobao" in output, output


@pytest.mark.slow
def test_a_rehearsal_reads_the_files_that_flags_name(tmp_path: object) -> None:
    sample = os.path.join(str(tmp_path), "sample")
    taobao.main(["make", "--rows", "60", "--test_rows", "20", "--out", sample])
    for day in ("20", "21"):
        folder = os.path.join(str(tmp_path), "rows", "ds=2026-11-" + day)
        os.makedirs(folder)
        shutil.copy(os.path.join(sample, "taobao_train_data"), os.path.join(folder, "part-0.csv"))
        open(os.path.join(folder, "_SUCCESS"), "w").close()
    with open(os.path.join(str(tmp_path), "live.txt"), "w") as file:
        file.write("sample/taobao_test_data\n")
    words = ["--local", "ps=1,worker=1", "esmm", "--train_files", "rows/*/*.csv", "--eval_files",
             "@live.txt", "--batch_size", "20", "--steps", "6"]
    process = start(*words, cwd=str(tmp_path))
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert "120 of rows/ds=2026-11-20/part-0.csv and 1 more file" in output, output
    assert "20 of sample/taobao_test_data" in output, output


@pytest.mark.slow
def test_files_that_are_not_there_end_with_1(tmp_path: object) -> None:
    process = start("esmm", "--train_files", "rows/*.csv", "--steps", "1", cwd=str(tmp_path))
    output, _ = process.communicate()
    assert process.returncode == 1, output
    assert "train.py: error: --train_files rows/*.csv: no such file or folder" in output, output


@pytest.mark.slow
def test_a_signal_while_tensorflow_is_imported_ends_with_143(tmp_path: object) -> None:
    process = start("esmm", "--data_location", str(tmp_path), "--steps", "1")
    while "train.py" not in open("/proc/{}/cmdline".format(process.pid)).read():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate()
    assert process.returncode == 143 and "stopped by SIGTERM" in output, output
