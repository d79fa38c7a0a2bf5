import json
import os
import subprocess

import pytest

from common import files


def test_replacing_gives_the_whole_file_or_the_old_one(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a")
    with files.replacing(path) as temporary:
        with open(temporary, "w") as file:
            file.write("old")
        assert not os.path.exists(path)
    with pytest.raises(RuntimeError, match="half way"):
        with files.replacing(path) as temporary, open(temporary, "w") as file:
            file.write("ne")
            raise RuntimeError("half way")
    with open(path) as file:
        assert file.read() == "old"
    assert os.listdir(str(tmp_path)) == ["a"]


def test_leftovers_of_killed_processes_are_removed(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "[a]")
    ended = subprocess.Popen(["true"])
    ended.wait()
    others = ["[a].tmp{}".format(os.getppid()), "[a].tmp", "[a].tmpx", "a.tmp9999999", "[a]2.tmp7"]
    for name in others + ["[a].tmp{}".format(ended.pid)]:
        with open(os.path.join(str(tmp_path), name), "w"):
            pass
    with files.replacing(path) as temporary, open(temporary, "w"):
        pass
    assert sorted(os.listdir(str(tmp_path))) == sorted(others + ["[a]"])


def test_write_json_refuses_nan(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a.json")
    files.write_json(path, {"a": None})
    with pytest.raises(ValueError, match="Out of range float values"):
        files.write_json(path, {"a": float("nan")})
    with open(path) as file:
        assert json.load(file) == {"a": None}


def test_a_full_disk_names_the_file(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a.json")
    with pytest.raises(OSError, match="No space left on device.*a.json"):
        with files.replacing(path), open("/dev/full", "w") as file:
            file.write("x")
    assert os.listdir(str(tmp_path)) == []


def test_a_log_of_lines_survives_a_line_that_was_cut(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "log.jsonl")
    assert files.read_lines(path) == []
    files.add_line(path, {"a": 1})
    with open(path, "a") as file:
        file.write('{"a": 2')  # as a kill leaves it
    files.add_line(path, {"a": 3})
    assert files.read_lines(path) == [{"a": 1}, {"a": 3}]
