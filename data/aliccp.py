"""Ali-CCP, for ESMM, MMoE and PLE: its schema, its conversion and synthetic rows.

    python data/aliccp.py convert published --out data
    python data/aliccp.py make --rows 20000 --seed 1 --out published

The published files are sample_skeleton_train.csv, whose lines hold the labels and what belongs to
one impression, common_features_train.csv, with what many impressions share, and the same two of
test. A feature is FIELD 0x02 ID 0x03 VALUE; 0x01 divides features.
"""

import os
import sys
import tempfile
from typing import IO, Dict, Iterator, List, NamedTuple, Optional, Tuple

from numpy.random import Generator, default_rng

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common.config.schema import Column, Schema  # noqa: E402
from common.errors import BadInput  # noqa: E402
from data import originals  # noqa: E402
from data.originals import Counts, split, wrong  # noqa: E402

ITEMS = 20  # of a list that are kept


def _one(name: str, group: str, buckets: int = 1000) -> Column:
    return Column(name, "hash", buckets, group)


def _list(name: str, group: str, buckets: int) -> Column:
    return Column(name, "hash", buckets, group, separator="|")


SCHEMA = Schema(
    name="aliccp",
    columns=(
        Column("click", "label", role="click"),
        Column("purchase", "label", role="purchase"),
        _one("101", "user", 500000),
        _one("121", "user"),
        _one("122", "user"),
        _one("124", "user"),
        _one("125", "user"),
        _one("126", "user"),
        _one("127", "user"),
        _one("128", "user"),
        _one("129", "user"),
        _one("205", "item", 1000000),
        _one("206", "item", 20000),
        _one("207", "item", 500000),
        _list("210", "item", 200000),
        _one("216", "item", 200000),
        _one("508", "combo", 20000),
        _one("509", "combo", 200000),
        _one("702", "combo", 100000),
        _list("853", "combo", 100000),
        _one("301", "combo"),
        _list("109_14", "user", 20000),
        _list("110_14", "user", 500000),
        _list("127_14", "user", 200000),
        _list("150_14", "user", 200000),
    ),
    train_file="aliccp_train",
    test_file="aliccp_test",
    user_column="101",
    module="data/aliccp.py",
    published=True,
    header=True,
)
_HEADER = ",".join(column.name for column in SCHEMA.columns).encode()
_FIELDS = {column.name.encode(): column for column in SCHEMA.features}
_LABELS = (b"0", b"1")
_FEATURES, _FIELD, _ID, _DIVIDER = b"\x01", b"\x02", b"\x03", b"|"
_NO_FEATURES: Dict[bytes, bytes] = {}
Features = Dict[bytes, bytes]  # field -> its ids, joined where it has several


class _Line(NamedTuple):
    """A published line: where it stands, and the text of its features."""

    path: str
    number: int
    text: bytes


def features_of(line: _Line, items: int) -> Features:
    """The features of a line.

    Args:
      items: of a list, how many ids are kept: those of the largest values.

    Raises:
      BadInput: a feature is none, is of an unknown field, or is one of several of a field that is
        no list.
    """
    found: Dict[bytes, List[Tuple[float, bytes]]] = {}
    for feature in filter(None, line.text.split(_FEATURES)):
        field, _, rest = feature.partition(_FIELD)
        name, _, value = rest.partition(_ID)
        is_whole = name and _DIVIDER not in name and originals.is_number(value)
        if field not in _FIELDS or not is_whole:
            raise wrong(line.path, line.number, "a feature", feature, "FIELD 0x02 ID 0x03 VALUE "
                        "with one of the fields " + ", ".join(map(bytes.decode, _FIELDS)))
        if field in found and not _FIELDS[field].is_list:
            raise wrong(line.path, line.number, "a feature", feature,
                        "one feature of field {}".format(field.decode()))
        found.setdefault(field, []).append((-float(value), name))
    return {field: _joined(names, items) for field, names in found.items()}


def _joined(names: List[Tuple[float, bytes]], items: int) -> bytes:
    """The ids of a field; the sort keeps the order of those with one value."""
    largest = sorted(names, key=lambda name: name[0])[:items]
    return _DIVIDER.join(name for _, name in largest)


class CommonFeatures:
    """The features that impressions share, by their index, in a file: memory holds their places.

    Args:
      path: common_features_*.csv.
      file: where the features are kept.
      items: as of features_of.

    Raises:
      BadInput: the file cannot be read, a line is none of the data set, or an index stands twice.
    """

    def __init__(self, path: str, file: IO[bytes], items: int) -> None:
        self._file = file
        self._places: Dict[bytes, int] = {}
        self._last: Tuple[bytes, Features] = (b"", _NO_FEATURES)
        for number, line in originals.lines_of(path):
            key, _, text = split(path, number, line, b",", 3)
            if key in self._places:
                raise wrong(path, number, "the index", key, "one that no other line has")
            self._places[key] = file.tell()
            file.write(_packed(features_of(_Line(path, number, text), items)))

    def of(self, key: bytes) -> Optional[Features]:
        """The features of an index; None of an unknown one."""
        if key == self._last[0]:  # impressions of one index follow one another
            return self._last[1]
        if key not in self._places:
            return None
        self._file.seek(self._places[key])
        line = self._file.readline().rstrip(b"\n")
        pairs = (pair.split(_FIELD) for pair in filter(None, line.split(_FEATURES)))
        self._last = key, {field: names for field, names in pairs}
        return self._last[1]


def _packed(features: Features) -> bytes:
    pairs = (field + _FIELD + names for field, names in features.items())
    return _FEATURES.join(pairs) + b"\n"


def _joined_rows(skeleton: str, common: CommonFeatures, items: int) -> Iterator[bytes]:
    """Yields the rows of a file of impressions.

    Raises:
      BadInput: the file cannot be read, or a line is none of the data set.
    """
    for number, line in originals.lines_of(skeleton):
        _, click, purchase, key, _, text = split(skeleton, number, line, b",", 6)
        for name, label in (("click", click), ("purchase", purchase)):
            if label not in _LABELS:
                raise wrong(skeleton, number, name, label, "0 or 1")
        shared = common.of(key)
        if shared is None:
            raise wrong(skeleton, number, "the index of common features", key,
                        "one that the file of common features has")
        own = features_of(_Line(skeleton, number, text), items)
        names = [own.get(field, b"") or shared.get(field, b"") for field in _FIELDS]
        yield b",".join([click, purchase, *names])


def convert(source: str, items: int, out: str) -> Counts:
    """Joins the published files of a folder to training and test rows.

    Args:
      items: as of features_of.

    Returns:
      file name -> how many rows it has.

    Raises:
      BadInput: a file cannot be read, or a line is none of the data set; nothing is written then.
      ValueError: items is not > 0.
    """
    if items < 1:
        raise ValueError("--items must be > 0. Got: {}.".format(items))
    parts = {SCHEMA.train_file: "train", SCHEMA.test_file: "test"}
    paths = {name: _published(source, part) for name, part in parts.items()}
    counts: Counts = {}
    with originals.writing(out, list(parts), [], _HEADER) as files:
        for name, (skeleton, shared) in paths.items():
            counts[name] = 0
            with tempfile.TemporaryFile(dir=out) as kept:
                common = CommonFeatures(shared, kept, items)
                for row in _joined_rows(skeleton, common, items):
                    files[name].write(row + b"\n")
                    counts[name] += 1
    return counts


def _published(folder: str, part: str) -> Tuple[str, str]:
    """The two published files of training or of test, plain or compressed with gzip.

    Raises:
      BadInput: one is not there.
    """
    found = []
    for kind in ("sample_skeleton", "common_features"):
        path = os.path.join(folder, "{}_{}.csv".format(kind, part))
        existing = [name for name in (path, path + ".gz") if os.path.isfile(name)]
        if not existing:
            raise BadInput("{}: no such file, and no {}.gz either. Name the folder of the four "
                           "published files.".format(path, os.path.basename(path)))
        found.append(existing[0])
    return found[0], found[1]


def make(rows: int, test_rows: int, seed: int, out: str) -> Counts:
    """Writes random rows as the four published files have them: the item decides on clicks.

    Returns:
      file name -> how many lines it has.

    Raises:
      BadInput: one of the files is there already.
    """
    sizes: Counts = {}
    for place, (part, size) in enumerate((("train", rows), ("test", test_rows))):
        names = [kind + part + ".csv" for kind in ("sample_skeleton_", "common_features_")]
        originals.check_absent(out, names)
        users = max(1, size // 10)
        rng = default_rng([seed, place])
        with originals.writing(out, names, []) as files:
            for user in range(users):
                files[names[1]].write(_draw_user(rng, user) + b"\n")
            for row in range(size):
                files[names[0]].write(_draw_impression(rng, row, row * users // size) + b"\n")
        sizes.update(zip(names, (size, users)))
    return sizes


def _draw_user(rng: Generator, user: int) -> bytes:
    """A line of common features."""
    texts = [_feature("101", user)]
    texts += [_feature(field, rng.integers(3)) for field in ("121", "122", "124", "125")]
    for field in ("109_14", "110_14", "127_14", "150_14"):
        texts += [_feature(field, drawn, rng.random()) for drawn in rng.integers(0, 40, 5)]
    return "u{},{},{}".format(user, len(texts), "\x01".join(texts)).encode()


def _draw_impression(rng: Generator, row: int, user: int) -> bytes:
    """A line of labels and of what belongs to one impression."""
    item = rng.integers(100)
    is_click = rng.random() < (0.5 if item < 20 else 0.03)
    is_bought = is_click and rng.random() < 0.3
    texts = [_feature("205", item), _feature("206", item % 10), _feature("301", 1)]
    texts += [_feature("210", drawn) for drawn in rng.integers(0, 30, 3)]
    labels = "{},{}".format(int(is_click), int(is_bought))
    return "{},{},u{},{},{}".format(row, labels, user, len(texts), "\x01".join(texts)).encode()


def _feature(field: str, name: object, value: float = 1.0) -> str:
    return "{}\x02{}\x03{:.4f}".format(field, name, value)


def main(argv: Optional[List[str]] = None) -> int:
    """Runs one of the two commands, make and convert."""
    sources = {"source": "the folder of the four published files, plain or with .gz"}
    numbers = {"--items": (ITEMS, "ids of a list that are kept, those of the largest values")}
    return originals.run(argv, "Ali-CCP", make, convert, sources, numbers)


if __name__ == "__main__":
    sys.exit(main())
