"""Vocabularies: lists of names whose position is their id, as text or a pickled dict name -> id.

In a `.txt` file each line is a name, line 0 the default that unknown names fall to. A `.pkl` file
may come from Python 2. Pickles can run code when they are loaded, so only the opcodes of a dict of
strings and integers are read, by an unpickler that knows no others; it takes a few times the memory
of the file.
"""

import io
import os
import pickle
import pickletools
import re
from typing import Any, Callable, Dict, List

from common.errors import BadInput
from common.files import replacing
from common.places import location

_REMEDY = ("Make it again with data/din/prepare_data.sh, data/movielens.py convert or: python "
           "data/amazon.py make")
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
    text_path = path_stem + ".txt"
    pickle_path = path_stem + ".pkl"
    if location.exists(text_path):
        return load_txt(text_path)
    if location.exists(pickle_path):
        return load_pkl(pickle_path)
    folder = os.path.dirname(path_stem) or "."
    message = ("{0}.txt: no such file, and no {0}.pkl either. Name the folder that holds them by "
               "--data_location, or make them of your rows with data/din/script/generate_voc.py, "
               "of the raw files with data/din/prepare_data.sh or data/movielens.py convert, "
               "or with synthetic rows: python data/amazon.py make --out {1}")
    raise BadInput(message.format(path_stem, folder))


def load_txt(path: str) -> List[str]:
    """Returns the lines of a text file.

    Raises:
      BadInput: the file is empty or not UTF-8, or a line is empty, doubled or holds a separator.
    """
    content = _read(path)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = "{}, line {}: byte 0x{:02x} is given, expected UTF-8. {}"
        raise BadInput(message.format(path, line, content[error.start], _REMEDY))
    names = _lines(text)
    _check(path, names)
    return names


def _read(path: str) -> bytes:
    with location.open_binary(path) as file:
        return file.read()


def _lines(text: str) -> List[str]:
    """The lines of text; splitlines() would split at more than line ends."""
    if not text:
        return []
    text = text.replace("\r\n", "\n")
    if text.endswith("\n"):
        text = text[:-1]
    return text.split("\n")


def load_pkl(path: str) -> List[str]:
    """Returns the names of a pickled dict name -> id, in the order of their ids.

    Raises:
      BadInput: the file holds anything but a dict of strings to the integers from 0, or is damaged
        or cut short.
    """
    content = io.BytesIO(_read(path))
    try:
        value = _Unpickler(content, encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise anything
        reason = "{} ({})".format(error, type(error).__name__)
        raise _unexpected(path, reason)
    if not isinstance(value, dict):
        raise _unexpected(path, type(value).__name__)
    names = _names_by_id(path, value)
    _check(path, names)
    return names


def save_txt(path: str, names: List[str]) -> None:
    """Writes names, one a line.

    Raises:
      BadInput: the names are no vocabulary; nothing is written.
    """
    _check(path, names)
    content = "".join(name + "\n" for name in names)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(content.encode("utf-8"))


def save_pkl(path: str, names: List[str]) -> None:
    """Writes names as a pickled dict name -> id, which Python 2 reads too.

    Raises:
      BadInput: the names are no vocabulary; nothing is written.
    """
    _check(path, names)
    ids = {name: position for position, name in enumerate(names)}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        pickle.dump(ids, file, protocol=2)


class _Handlers(Dict[int, Callable[[Any], None]]):
    """Opcode -> its handler; all other opcodes are refused by their name."""

    def __missing__(self, key: int) -> Callable[[Any], None]:
        names = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
        name = names.get(key, hex(key))
        raise pickle.UnpicklingError("the opcode {}".format(name))


def _make_handlers() -> _Handlers:
    handlers = _Handlers()
    for name in _OPCODES:
        code = ord(getattr(pickle, name))
        handlers[code] = pickle._Unpickler.dispatch[code]
    return handlers


class _Unpickler(pickle._Unpickler):
    """Reads dicts, strings and integers.

    It is the unpickler in Python: its opcodes can be chosen, and it trusts no size.
    """

    dispatch = _make_handlers()

    def find_class(self, module: str, name: str) -> Any:
        """Refuses every global."""
        raise pickle.UnpicklingError("the global {}.{}".format(module, name))

    def persistent_load(self, pid: Any) -> Any:
        """Refuses every persistent id."""
        raise pickle.UnpicklingError("the persistent id {!r}".format(pid))


def _unexpected(path: str, content: str) -> BadInput:
    message = ("{}: {} is given, expected a pickled dict of strings to the integers from 0 and "
               "nothing else. {}")
    return BadInput(message.format(path, content, _REMEDY))


def _names_by_id(path: str, ids: Dict[Any, Any]) -> List[str]:
    """The keys in the order of their values, which must be 0 to n-1, each once."""
    names: List[Any] = [None] * len(ids)
    for name, position in ids.items():
        if not isinstance(name, (str, bytes)):
            raise _unexpected(path, "the key {!r}".format(name))
        if not _is_free(position, names):
            message = ("{}, name {!r}: the id {!r} is given, expected the integers 0 to {}, each "
                       "once. {}")
            last = len(names) - 1
            raise BadInput(message.format(path, name, position, last, _REMEDY))
        names[position] = name
    try:
        return [_to_text(name) for name in names]
    except UnicodeDecodeError as error:
        message = "{}: the name {!r} is given, expected UTF-8. {}"
        raise BadInput(message.format(path, error.object, _REMEDY))


def _is_free(position: object, names: List[Any]) -> bool:
    """Whether a value is an id that no name has yet."""
    if type(position) is not int:  # a bool is no id
        return False
    return 0 <= position < len(names) and names[position] is None


def _to_text(name: Any) -> str:
    return name.decode("utf-8") if isinstance(name, bytes) else name


def _check(path: str, names: List[str]) -> None:
    """Raises BadInput unless each is a name, and there once."""
    if not names:
        message = "{}: the vocabulary is empty. Expected a name for id 0 at least. {}"
        raise BadInput(message.format(path, _REMEDY))
    first_ids: Dict[str, int] = {}
    for position, name in enumerate(names):
        if not _is_name(name):
            message = ("{}, id {}: the name {!r} is given, expected UTF-8 text that is not empty, "
                       "without tab, line end or byte 0x02. {}")
            raise BadInput(message.format(path, position, name, _REMEDY))
        first = first_ids.setdefault(name, position)
        if first != position:
            message = ("{}, id {}: the name {!r} is given, which id {} has too. Expected each name "
                       "once. {}")
            raise BadInput(message.format(path, position, name, first, _REMEDY))


def _is_name(name: str) -> bool:
    if not name or _UNFIT.search(name):
        return False
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True
