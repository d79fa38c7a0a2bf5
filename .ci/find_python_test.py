import os
import subprocess
import sys
from typing import Dict

import pytest

FIND = os.path.join(os.path.dirname(os.path.abspath(__file__)), "find-python")
REAL = os.path.realpath(sys.executable)
OLD = "#!/bin/sh\nexit 1\n"


def find(folder: object, files: Dict[str, str], **env: str) -> subprocess.CompletedProcess:
    """Runs find-python with nothing on PATH but the given scripts of a folder, in a home of its
    own.
    """
    for name, text in files.items():
        path = os.path.join(str(folder), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text.format(python=REAL, folder=folder))
        os.chmod(path, 0o755)
    variables = dict({"PATH": os.path.join(str(folder), "bin"), "HOME": str(folder)}, **{
        name: value.format(python=REAL, folder=folder)
        for name, value in env.items()
    })
    return subprocess.run(["/bin/sh", FIND], env=variables, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, universal_newlines=True)


SHIM = "#!/bin/sh\nexec {python} \"$@\"\n"


@pytest.mark.parametrize("files, env, found", [
    ({"bin/python3.7": SHIM}, {}, "bin/python3.7"),
    ({"bin/python3.7": OLD, "bin/python3": SHIM}, {}, "bin/python3"),
    ({"bin/python3": OLD, ".pyenv/versions/3.7.16/bin/python": SHIM
      }, {}, ".pyenv/versions/3.7.16/bin/python"),
    ({"other/versions/3.7.1/bin/python": SHIM}, {"PYENV_ROOT": "{folder}/other"
                                                 }, "other/versions/3.7.1/bin/python"),
    ({"bin/conda": "#!/bin/sh\necho {folder}/conda\n", "conda/envs/py37/bin/python": SHIM
      }, {}, "conda/envs/py37/bin/python"),
    ({"env/bin/python": SHIM}, {"CONDA_PREFIX": "{folder}/env"}, "env/bin/python"),
    ({
        "bin/uv": "#!/bin/sh\n[ $2 = install ] && touch=1 && : > {folder}/installed && exit 0\n"
        "[ -e {folder}/installed ] && echo {folder}/uv/python || exit 1\n", "uv/python": SHIM
    }, {}, "uv/python"),
    ({"mine": SHIM, "bin/python3.7": SHIM}, {"PYTHON": "{folder}/mine"}, "mine"),
])
def test_finds_python_37(tmp_path: object, files: Dict[str, str], env: Dict[str, str],
                         found: str) -> None:
    done = find(tmp_path, files, **env)
    assert (done.returncode, done.stdout.strip()) == (0, os.path.join(str(tmp_path),
                                                                      found)), done.stderr


def test_says_what_to_install(tmp_path: object) -> None:
    done = find(tmp_path, {"bin/python3": OLD, "bin/uv": OLD})
    assert done.returncode == 1 and done.stdout == ""
    for hint in ("No Python 3.7 was found", "uv python install 3.7", "pyenv install 3.7",
                 "conda create", "set PYTHON"):
        assert hint in done.stderr


def test_a_wrong_PYTHON_is_refused(tmp_path: object) -> None:
    done = find(tmp_path, {"bin/python3.7": SHIM}, PYTHON="/bin/false")
    assert done.returncode == 1 and "PYTHON=/bin/false is not a Python 3.7" in done.stderr
