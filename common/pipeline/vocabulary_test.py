import os
import pickle
from typing import Any, List

import pytest

from common.errors import BadInput
from common.pipeline import vocabulary

NAMES = ["default_cat", "Crime, Thrillers & Mystery", "naïve 日本", "\"quoted\" 'twice'", "12"]
IDS = {name: i for i, name in enumerate(NAMES)}


def stem(folder: object) -> str:
    return os.path.join(str(folder), "cat_voc")


def write(folder: object, ending: str, content: bytes) -> str:
    with open(stem(folder) + ending, "wb") as file:
        file.write(content)
    return stem(folder) + ending


def test_text_and_pickle_hold_the_same(tmp_path: object) -> None:
    vocabulary.save_pkl(stem(tmp_path) + ".pkl", NAMES)
    assert vocabulary.load(stem(tmp_path)) == NAMES
    vocabulary.save_txt(stem(tmp_path) + ".txt", NAMES)
    os.remove(stem(tmp_path) + ".pkl")
    assert vocabulary.load(stem(tmp_path)) == NAMES
    assert os.listdir(str(tmp_path)) == ["cat_voc.txt"]


def test_text_comes_first(tmp_path: object) -> None:
    write(tmp_path, ".txt", b"a\r\nb\r\nc")
    vocabulary.save_pkl(stem(tmp_path) + ".pkl", ["other"])
    assert vocabulary.load(stem(tmp_path)) == ["a", "b", "c"]


def test_a_saved_pickle_is_a_plain_dict(tmp_path: object) -> None:
    vocabulary.save_pkl(stem(tmp_path) + ".pkl", NAMES)
    with open(stem(tmp_path) + ".pkl", "rb") as file:
        content = file.read()
    assert content[:2] == b"\x80\x02" and pickle.loads(content) == IDS


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(tmp_path: object, protocol: int) -> None:
    large = ["n{}".format(i) for i in range(70000)]
    for names in (NAMES, large):
        backwards = {name: i for i, name in reversed(list(enumerate(names)))}
        write(tmp_path, ".pkl", pickle.dumps(backwards, protocol))
        assert vocabulary.load(stem(tmp_path)) == names


def test_bytes_are_names_too(tmp_path: object) -> None:
    write(tmp_path, ".pkl", pickle.dumps({name.encode("utf-8"): i for name, i in IDS.items()}, 3))
    assert vocabulary.load(stem(tmp_path)) == NAMES


@pytest.mark.parametrize(
    "content",
    [
        b"(dp1\nS'caf\\xc3\\xa9'\np2\nI1\nsS'default_cat'\np3\nI0\ns"
        b"V\\u65e5\np4\nL2L\ns.",  # protocol 0
        b"}q\x01(U\x05caf\xc3\xa9q\x02K\x01U\x0bdefault_catq\x03K\x00"
        b"T\x03\x00\x00\x00\xe6\x97\xa5q\x04K\x02u.",  # 1
        b"\x80\x02}q\x01(U\x05caf\xc3\xa9q\x02K\x01U\x0bdefault_catq\x03\x8a\x00"
        b"X\x03\x00\x00\x00\xe6\x97\xa5q\x04K\x02u.",
    ])
def test_python_2_pickles(tmp_path: object, content: bytes) -> None:
    write(tmp_path, ".pkl", content)
    assert vocabulary.load(stem(tmp_path)) == ["default_cat", "café", "日"]


class _Runs:
    """What a hostile pickle is made of: loading it would make a folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_code_in_a_pickle_does_not_run(tmp_path: object, protocol: int) -> None:
    target = os.path.join(str(tmp_path), "made")
    write(tmp_path, ".pkl", pickle.dumps({"a": _Runs(target)}, protocol))
    with pytest.raises(
            BadInput,
            match=r"cat_voc.pkl: the global posix.mkdir \(UnpicklingError\) is given, expected a "
            "pickled dict of strings to the integers from 0 and nothing else. Make it"):
        vocabulary.load(stem(tmp_path))
    assert not os.path.exists(target)


@pytest.mark.parametrize("content, message", [
    (pickle.dumps(["a", "b"
                   ]), "the opcode EMPTY_LIST .* is given, expected a pickled dict of strings"),
    (pickle.dumps("a"), "str is given, expected a pickled dict"),
    (pickle.dumps(7), "int is given, expected a pickled dict"),
    (pickle.dumps({"a": 0.0}), "the opcode BINFLOAT"),
    (pickle.dumps({"a": True}), "the opcode NEWTRUE"),
    (pickle.dumps({"a": None}), "the opcode NONE"),
    (pickle.dumps({"a": (0,)}), "the opcode TUPLE1"),
    (pickle.dumps({"a": {}}), "'a': the id {} is given, expected the integers 0 to 0, each once"),
    (pickle.dumps(
        {0: 0}), "the key 0 is given, expected a pickled dict of strings to the integers from 0"),
    (b"(dp0\nS'a'\nI01\ns.", "'a': the id True is given, expected the integers 0 to 0"),
    (b"(dp0\nPa\nI0\ns.", "the opcode PERSID"),
    (b"(iposix\nmkdir\n.", "the opcode INST"),
    (b"}}I0\ns.", "unhashable type: 'dict' .TypeError. is given"),
    (b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x0f.", "is given, expected a pickled dict"),
    (b"}r\xff\xff\xff\x7f.", "the vocabulary is empty"),
    (b"h\x05.", "5 .KeyError. is given"),
    (b"\xff", "the opcode 0xff .UnpicklingError. is given"),
    (b"a\nb\n", "the opcode APPEND"),
    (b"", ".EOFError. is given"),
    (pickle.dumps(IDS, 2)[:-20], "is given, expected a pickled dict"),
    (pickle.dumps({}), "the vocabulary is empty. Expected a name for id 0 at least. Make it again"),
    (pickle.dumps({"a": 0, "b": 2}),
     "'b': the id 2 is given, expected the integers 0 to 1, each once. Make it again"),
    (pickle.dumps({"a": 1, "b": 1
                   }), "'b': the id 1 is given, expected the integers 0 to 1, each once"),
    (pickle.dumps({"a": -1, "b": 0}), "'a': the id -1 is given, expected the integers 0 to 1"),
    (pickle.dumps({"a": 0, b"a": 1},
                  3), "id 1: the name 'a' is given, which id 0 has too. Expected each name once"),
    (pickle.dumps({b"\xff": 0}, 3), "the name b'.xff' is given, expected UTF-8"),
    (pickle.dumps({"\ud800": 0}), "id 0: the name '.ud800' is given, expected UTF-8"),
    (pickle.dumps({"": 0}), "id 0: the name '' is given, expected UTF-8 text that is not empty"),
])
def test_bad_pickles(tmp_path: object, content: bytes, message: str) -> None:
    write(tmp_path, ".pkl", content)
    with pytest.raises(BadInput, match="cat_voc.pkl.*(" + message + ").*prepare_data.sh"):
        vocabulary.load(stem(tmp_path))


def test_every_cut_of_a_pickle_is_refused(tmp_path: object) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        whole = pickle.dumps(IDS, protocol)
        for size in range(len(whole)):
            write(tmp_path, ".pkl", whole[:size])
            with pytest.raises(BadInput, match="is given, expected|is empty"):
                vocabulary.load(stem(tmp_path))


@pytest.mark.parametrize("content, message", [
    (b"",
     "cat_voc.txt: the vocabulary is empty. Expected a name for id 0 at least. Make it again with "
     "data/din/prep"
     ),
    (b"\n", "cat_voc.txt, id 0: the name '' is given, expected UTF-8 text that is not empty"),
    (b"a\n\nb\n", "id 1: the name '' is given"),
    (b"a\nb\tc\n",
     r"id 1: the name 'b\\tc' is given, expected .* without tab, line end or byte 0x02"),
    (b"a\nb\x02c\n", r"id 1: the name 'b\\x02c' is given"),
    (b"a\nb\rc\n", r"id 1: the name 'b\\rc' is given"),
    (b"a\nb\na\n",
     "id 2: the name 'a' is given, which id 0 has too. Expected each name once. Make it again"),
    (b"a\nb\n\xff\n",
     "cat_voc.txt, line 3: byte 0xff is given, expected UTF-8. Make it again with"),
])
def test_bad_text(tmp_path: object, content: bytes, message: str) -> None:
    write(tmp_path, ".txt", content)
    with pytest.raises(BadInput, match=message):
        vocabulary.load(stem(tmp_path))


def test_other_line_ends_of_unicode_are_part_of_a_name(tmp_path: object) -> None:
    names = ["a", "b\x0bc\u2028d\x85e\x1cf", " "]
    vocabulary.save_txt(stem(tmp_path) + ".txt", names)
    assert vocabulary.load(stem(tmp_path)) == names


def test_missing_names_both_files_and_how_to_make_them(tmp_path: object) -> None:
    with pytest.raises(BadInput,
                       match="cat_voc.txt: no such file, and no .*cat_voc.pkl either. Name the "
                       "folder that holds them by --data_location, or make them of your rows "
                       "with data/din/script/generate_voc.py.* --out " + str(tmp_path)):
        vocabulary.load(stem(tmp_path))


@pytest.mark.parametrize("names", [[], ["a", "a"], ["a", ""], ["a\nb"], ["a", "\udc00"]])
def test_what_could_not_be_read_is_not_written(tmp_path: object, names: List[str]) -> None:
    for save in (vocabulary.save_txt, vocabulary.save_pkl):
        with pytest.raises(BadInput, match="Make it again with data/din/prepare_data.sh"):
            save(stem(tmp_path), names)
    assert os.listdir(str(tmp_path)) == []
