import json
import os

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


def test_write_json_refuses_nan(tmp_path: object) -> None:
    path = os.path.join(str(tmp_path), "a.json")
    files.write_json(path, {"a": None})
    with pytest.raises(ValueError, match="Out of range float values"):
        files.write_json(path, {"a": float("nan")})
    with open(path) as file:
        assert json.load(file) == {"a": None}
