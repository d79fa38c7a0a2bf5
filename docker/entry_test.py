import os
import subprocess
import sys
from typing import List, Tuple

import pytest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config import model as models  # noqa: E402

ENTRY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "entry")
LAUNCH = os.path.join(os.path.dirname(ENTRY), "..", "common", "launch.py")


def run(folder: object, words: List[str]) -> Tuple[int, str, str]:
    """Runs the entry with a python that shows its words; (status, output, errors)."""
    python = folder.joinpath("python")
    python.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\nexit 5\n")
    python.chmod(0o755)
    done = subprocess.run([ENTRY] + words, env={"PATH": "{}:/usr/bin:/bin".format(folder)},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("model", models.names())
def test_a_model_is_launched_with_its_flags(tmp_path: object, model: str) -> None:
    words = [model, "--bf16", "a b", ""]
    assert run(tmp_path, words) == (5, "\n".join([LAUNCH] + words + [""]), "")


def test_a_command_is_run_as_given(tmp_path: object) -> None:
    assert run(tmp_path,
               ["python", "esmm/train.py", "$HOME; id"]) == (5, "esmm/train.py\n$HOME; id\n", "")
    assert run(tmp_path, ["/bin/sh", "-c", "echo $0; exit 3", "x"]) == (3, "x\n", "")
    assert run(tmp_path, ["esmm2"])[0] == 127


@pytest.mark.parametrize("words", [[], ["--bf16"], [""]])
def test_without_a_command_it_says_how(tmp_path: object, words: List[str]) -> None:
    status, output, errors = run(tmp_path, words)
    assert (status, output) == (2, "") and errors.startswith("usage: docker run modelzoo MODEL")
    assert "train one of: {};".format(" ".join(sorted(models.names()))) in errors
