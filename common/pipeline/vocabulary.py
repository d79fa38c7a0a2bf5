"""Vocabularies: lists of names whose position is their id, stored as text or as a pickled dict name -> id.

In a `.txt` file each line is a name, line 0 the default that unknown names fall to. A `.pkl` file may come from
Python 2. Pickles can run code when they are loaded, so only the opcodes of a dict of strings and integers are read,
by an unpickler that knows no others; its memory is a few times the file.
"""

import io
import os
import pickle
import pickletools
import re
from typing import Any, Callable, Dict, List

from common.errors import BadInput
from common.files import replacing

_REMEDY = "Make it again with data/din/prepare_data.sh or: python data/amazon.py make"
_UNFIT = re.compile("[\t\n\r\x02]")
_OPCODES = """PROTO FRAME MARK STOP EMPTY_DICT DICT SETITEM SETITEMS
    PUT BINPUT LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET
    STRING BINSTRING SHORT_BINSTRING UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8
    BINBYTES SHORT_BINBYTES BINBYTES8
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 GLOBAL STACK_GLOBAL""".split()


def load(path_stem: str) -> List[str]:
    """Returns the names in the order of their ids, of <path_stem>.txt, else of <path_stem>.pkl.

    Raises:
      BadInput: neither is there, or the one that is taken is no vocabulary.
    """
    for path, read in ((path_stem + ".txt", load_txt), (path_stem + ".pkl", load_pkl)):
        if os.path.isfile(path):
            return read(path)
    raise BadInput("{0}.txt: no such file, and no {0}.pkl either. Make them of your rows with data/din/script/"
                   "generate_voc.py, of the raw files with data/din/prepare_data.sh, or with synthetic rows: python "
                   "data/amazon.py make --out {1}".format(path_stem, os.path.dirname(path_stem) or "."))


def load_txt(path: str) -> List[str]:
    """Returns the lines of a text file.

    Raises:
      BadInput: the file is empty or not UTF-8, or a line is empty, doubled or holds a separator.
    """
    with open(path, "rb") as file:
        content = file.read()
    try:
        text = content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise BadInput("{}, line {}: byte 0x{:02x} is given, expected UTF-8. {}".format(
            path, content.count(b"\n", 0, error.start) + 1, content[error.start], _REMEDY))
    names = (text[:-1] if text.endswith("\n") else text).split("\n") if text else []
    return _checked(path, names)


def load_pkl(path: str) -> List[str]:
    """Returns the names of a pickled dict name -> id, in the order of their ids.

    Raises:
      BadInput: the file holds anything but a dict of strings to the integers from 0, or is damaged or cut short.
    """
    with open(path, "rb") as file:
        content = io.BytesIO(file.read())
    try:
        value = _Unpickler(content, encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise _unexpected(path, "{} ({})".format(error, type(error).__name__))
    if not isinstance(value, dict):
        raise _unexpected(path, type(value).__name__)
    return _checked(path, _by_id(path, value))


def save_txt(path: str, names: List[str]) -> None:
    """Writes names, one a line.

    Raises:
      BadInput: the names are no vocabulary; nothing is written.
    """
    content = "".join(name + "\n" for name in _checked(path, names)).encode("utf-8")
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(content)


def save_pkl(path: str, names: List[str]) -> None:
    """Writes names as a pickled dict name -> id, which Python 2 reads too.

    Raises:
      BadInput: the names are no vocabulary; nothing is written.
    """
    ids = {name: i for i, name in enumerate(_checked(path, names))}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        pickle.dump(ids, file, protocol=2)


class _Handlers(Dict[int, Callable[[Any], None]]):
    """Opcode -> its handler; all other opcodes are refused by their name."""

    def __missing__(self, key: int) -> Callable[[Any], None]:
        names = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
        raise pickle.UnpicklingError("the opcode {}".format(names.get(key, hex(key))))


class _Unpickler(pickle._Unpickler):
    """Reads dicts, strings and integers. The one in Python: its opcodes can be chosen, and no size is trusted."""

    dispatch = _Handlers({ord(getattr(pickle, name)): pickle._Unpickler.dispatch[ord(getattr(pickle, name))]
                          for name in _OPCODES})

    def find_class(self, module: str, name: str) -> Any:
        """Refuses every global."""
        raise pickle.UnpicklingError("the global {}.{}".format(module, name))

    def persistent_load(self, pid: Any) -> Any:
        """Refuses every persistent id."""
        raise pickle.UnpicklingError("the persistent id {!r}".format(pid))


def _unexpected(path: str, found: str) -> BadInput:
    return BadInput("{}: {} is given, expected a pickled dict of strings to the integers from 0 and nothing else. "
                    "{}".format(path, found, _REMEDY))


def _by_id(path: str, ids: Dict[Any, Any]) -> List[str]:
    """The keys in the order of their values, which must be 0 to n-1, each once."""
    names: List[Any] = [None] * len(ids)
    for name, i in ids.items():
        if not isinstance(name, (str, bytes)):
            raise _unexpected(path, "the key {!r}".format(name))
        if type(i) is not int or not 0 <= i < len(names) or names[i] is not None:
            raise BadInput("{}, name {!r}: the id {!r} is given, expected the integers 0 to {}, each once. {}".format(
                path, name, i, len(names) - 1, _REMEDY))
        names[i] = name
    try:
        return [name.decode("utf-8") if isinstance(name, bytes) else name for name in names]
    except UnicodeDecodeError as error:
        raise BadInput("{}: the name {!r} is given, expected UTF-8. {}".format(path, error.object, _REMEDY))


def _checked(path: str, names: List[str]) -> List[str]:
    """Returns names; raises BadInput unless each is a name, and there once."""
    if not names:
        raise BadInput("{}: the vocabulary is empty. Expected a name for id 0 at least. {}".format(path, _REMEDY))
    seen: Dict[str, int] = {}
    for i, name in enumerate(names):
        if not name or _UNFIT.search(name) or not _is_utf8(name):
            raise BadInput("{}, id {}: the name {!r} is given, expected UTF-8 text that is not empty, without tab, "
                           "line end or byte 0x02. {}".format(path, i, name, _REMEDY))
        if seen.setdefault(name, i) != i:
            raise BadInput("{}, id {}: the name {!r} is given, which id {} has too. Expected each name once. {}".format(
                path, i, name, seen[name], _REMEDY))
    return names


def _is_utf8(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
