import os

import pytest

from common.errors import BadInput
from data.din import samples


def write(folder: object, name: str, content: bytes) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def test_samples(tmp_path: object) -> None:
    path = write(tmp_path, "a", b"0\tu\ti\tc\ta\x02b\tC\x02D\n1\tu\tj\tc\ta\tC\n")
    first = samples.Sample(b"0", b"u", b"i", b"c", b"a\x02b", b"C\x02D")
    second = samples.Sample(b"1", b"u", b"j", b"c", b"a", b"C")
    assert list(samples.read_samples(path)) == [(1, first), (2, second)]


@pytest.mark.parametrize("line, message", [
    (b"1\tu\ti\tc\ta", "'1.tu.ti.tc.ta' is given, expected 6 columns, not 5"),
    (b"", "'' is given, expected 6 columns, not 1"),
    (b"2\tu\ti\tc\ta\tC", "expected a label of 0 or 1"),
    (b"1\t\ti\tc\ta\tC", "expected no empty name"),
    (b"1\tu\ti\tc\t\t", "expected no empty name"),
    (b"1\tu\ti\tc\ta\x02\tC\x02D", "expected no empty name"),
    (b"1\tu\ti\tc\ta\x02b\tC", "expected as many categories as items in the history"),
    (b"1\tu\x02v\ti\tc\ta\tC", "expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\x02j\tc\ta\tC", "expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\tc\x02d\ta\tC", "expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\tc\ta\rb\tC",
     r"ta.rb.tC' is given, expected no byte 0x0d, and 0x02 in the histories alone"),
    (b"1\tu\ti\tc\t\xff\tC", r"xff.tC' is given, expected UTF-8"),
])
def test_lines_that_are_no_samples(tmp_path: object, line: bytes, message: str) -> None:
    path = write(tmp_path, "a", b"0\tu\ti\tc\ta\tC\n" + line + b"\n")
    with pytest.raises(
            BadInput,
            match="a, line 2: .*" + message + ". Write the samples again with local_aggretor.py"):
        list(samples.read_samples(path))
