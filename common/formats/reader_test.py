import pytest

from common.errors import BadInput
from common.formats import reader
from common.testing import toy
from common.testing.toy import SCHEMA


def test_missing_file() -> None:
    with pytest.raises(BadInput, match="/nowhere/a: no such file"):
        reader.open_file("/nowhere/a", SCHEMA)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\r\n"])
def test_empty_csv(tmp_path: object, content: bytes) -> None:
    with open("{}/a".format(tmp_path), "wb") as file:
        file.write(content)
    with pytest.raises(BadInput,
                       match="/a: the file is empty. Expected rows of the 7 columns of toy"):
        reader.open_file("{}/a".format(tmp_path), SCHEMA)


def test_empty_parquet(tmp_path: object) -> None:
    path = toy.write_parquet("{}/a.parquet".format(tmp_path), [])
    with pytest.raises(BadInput, match="/a.parquet: the file is empty"):
        reader.open_file(path, SCHEMA)
