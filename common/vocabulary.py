"""Vocabularies: lists of words, the place of a word is its id; word 0 stands for all that a vocabulary lacks.

As .txt files, one word a line, or as .pkl files, a pickled dict of word -> id as the public scripts write it. Pickles
come from outside, so nothing but dicts, strings and integers is ever made of one.
"""

import collections
import io
import os
import pickle
from typing import Dict, List

from common.files import replacing
from common.reader import BadInput

_FORBIDDEN = ("\t", "\n", "\r", "\x02")
_HOW = ("Write it with data/din/prepare_data.sh from the raw files, or with python data/amazon.py make.")


def load(stem: str) -> List[str]:
    """Reads STEM.txt, or STEM.pkl where that is missing.

    Raises:
      BadInput: neither is there, or it is no vocabulary.
    """
    for path, read in ((stem + ".txt", _read_txt), (stem + ".pkl", _read_pkl)):
        if os.path.isfile(path):
            words = read(path)
            _check(path, words)
            return words
    raise BadInput("{0}.txt and {0}.pkl are missing. {1}".format(stem, _HOW))


def save_txt(path: str, words: List[str]) -> None:
    """Writes one word a line."""
    _check(path, words)
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(word + "\n" for word in words)


def save_pkl(path: str, words: List[str]) -> None:
    """Writes a pickled dict of word -> id, in a protocol that Python 2 reads too."""
    _check(path, words)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        pickle.dump({word: i for i, word in enumerate(words)}, file, protocol=2)


def _read_txt(path: str) -> List[str]:
    with open(path, "rb") as file:
        content = file.read()
    try:
        return content.decode("utf-8").rstrip("\n").replace("\r\n", "\n").split("\n") if content else []
    except UnicodeDecodeError as error:
        line = content[:error.start].count(b"\n") + 1
        raise BadInput("{}, line {}: bytes {!r} are given, expected UTF-8 text. Convert the file.".format(
            path, line, content[error.start:error.end]))


class _Unpickler(pickle.Unpickler):
    """Reads pickles of plain containers, strings and numbers; whatever names code is refused."""

    def find_class(self, module: str, name: str) -> object:
        """Refuses every class and function."""
        raise BadInput("it names {}.{}, and code of others is not run".format(module, name))

    def persistent_load(self, pid: object) -> object:
        """Refuses references to objects elsewhere."""
        raise BadInput("it refers to an object elsewhere, {!r}".format(pid))


def _read_pkl(path: str) -> List[str]:
    """The words of a pickled dict in the order of their ids."""
    try:
        with open(path, "rb") as file:
            found = _Unpickler(io.BytesIO(file.read()), encoding="utf-8").load()
    except BadInput as error:
        raise BadInput("{}: {}. Expected a dict of strings to integers. {}".format(path, error, _HOW))
    except Exception as error:  # a damaged pickle raises nearly anything
        raise BadInput("{}: not a pickle, or cut short ({}: {}). Expected a dict of strings to integers. {}".format(
            path, type(error).__name__, error, _HOW))
    if type(found) is not dict:
        raise BadInput("{}: a {} is given, expected a dict of strings to integers. {}".format(
            path, type(found).__name__, _HOW))
    return _in_order(path, found)


def _in_order(path: str, ids: Dict[object, object]) -> List[str]:
    words: Dict[int, str] = {}
    for word, number in ids.items():
        if isinstance(word, bytes):
            word = word.decode("utf-8", "backslashreplace")
        if not isinstance(word, str) or type(number) is not int:
            raise BadInput("{}: the entry {!r}: {!r} is given, expected a string and an integer. {}".format(
                path, word, number, _HOW))
        words[number] = word
    if sorted(words) != list(range(len(ids))):
        raise BadInput("{}: the ids of {} words are not 0 to {}, each once. {}".format(
            path, len(ids), len(ids) - 1, _HOW))
    return [words[number] for number in range(len(ids))]


def _check(path: str, words: List[str]) -> None:
    """Raises BadInput unless there are words, each once, that can stand in a line of rows."""
    if not words:
        raise BadInput("{}: the vocabulary is empty, expected at least the default word. {}".format(path, _HOW))
    if len(set(words)) != len(words):
        twice = collections.Counter(words).most_common(1)[0][0]
        raise BadInput("{}: the word {!r} stands there twice. Each id needs a word of its own. {}".format(
            path, twice, _HOW))
    for number, word in enumerate(words):
        if not word or any(mark in word for mark in _FORBIDDEN):
            raise BadInput("{}: word {} is {!r}, expected text without tabs, line ends or the byte 0x02. {}".format(
                path, number, word, _HOW))
