import os
import pickle

import pytest

from data.din.script import pick2txt


def write(folder: object, name: str, value: object) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "wb") as file:
        pickle.dump(value, file, protocol=2)
    return path


def test_line_number_is_the_id(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    paths = [
        write(tmp_path, "uid_voc.pkl", {"ü": 1, "d": 0, "a b": 2}),
        write(tmp_path, "cat_voc.pkl", {"c": 0})
    ]
    assert pick2txt.main(paths) == 0
    with open(os.path.join(str(tmp_path), "uid_voc.txt"), encoding="utf-8") as file:
        assert file.read() == "d\nü\na b\n"
    assert [line.split("  ")[1:]
            for line in capsys.readouterr().out.splitlines()] == [["3 lines", "uid_voc.txt"],
                                                                  ["1 lines", "cat_voc.txt"]]


def test_errors(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    path = write(tmp_path, "a.pkl", {"a": 1})
    assert pick2txt.main([path]) == 1
    printed = capsys.readouterr().err
    message = ", name 'a': the id 1 is given, expected the integers 0 to 0"
    assert "error: " + path + message in printed
    assert pick2txt.main([path + ".pkl"]) == 1
    assert "No such file" in capsys.readouterr().err
    assert os.listdir(str(tmp_path)) == ["a.pkl"]
    with pytest.raises(SystemExit) as end:
        pick2txt.main([path, "b.txt"])
    printed = capsys.readouterr().err
    assert end.value.code == 2 and "pickles must end in .pkl. Got: b.txt." in printed
