import os
import shutil
from typing import List

import pytest

from common.pipeline import identity
from common.pipeline.identity import Rows
from common.testing import toy


def paths_of(folder: str, *names: str) -> List[str]:
    return [os.path.join(folder, name) for name in names]


@pytest.fixture
def folder(tmp_path: object) -> str:
    path = os.path.join(str(tmp_path), "rows")
    for day in ("1", "2"):
        os.makedirs(os.path.join(path, day))
        toy.write_csv(os.path.join(path, day, "part"), toy.random_rows(int(day), 9))
    return path


def rows_of(folder: str, *names: str) -> Rows:
    return identity.listing(paths_of(folder, *(names or ("1/part", "2/part")))).rows()


def test_the_files_are_listed_below_their_folder(folder: str) -> None:
    listing = identity.listing(paths_of(folder, "1/part", "2/part"))
    assert (listing.folder, listing.names) == (folder, ("1/part", "2/part"))
    sizes = [os.path.getsize(os.path.join(folder, name)) for name in listing.names]
    assert [stamp.num_bytes for stamp in listing.stamps] == sizes
    rows = listing.rows()
    assert (rows.num_files, rows.num_bytes) == (2, sum(sizes))
    assert rows.described() == "2 files of {:,} bytes".format(sum(sizes))
    assert Rows.from_json(rows.to_json()) == rows


def test_one_file_is_known_by_its_name(folder: str) -> None:
    listing = identity.listing(paths_of(folder, "1/part"))
    assert (listing.folder, listing.names) == (os.path.join(folder, "1"), ("part",))
    assert listing.rows().described().startswith("1 file of ")


def test_a_folder_that_moved_whole_has_the_same_rows(folder: str, tmp_path: object) -> None:
    before = rows_of(folder)
    elsewhere = os.path.join(str(tmp_path), "else", "where")
    shutil.move(folder, elsewhere)
    assert rows_of(elsewhere) == before


def test_relative_paths_are_the_same_rows(
        folder: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity.listing(paths_of(folder, "1/part", "2/part"))
    monkeypatch.chdir(str(tmp_path))
    for below in ("rows", "./rows", "rows/../rows"):
        assert identity.listing(paths_of(below, "1/part", "2/part")) == before
    monkeypatch.chdir(folder)
    assert identity.listing(["1/part", "2/part"]) == before


def test_other_names_sizes_times_and_orders_are_other_rows(folder: str) -> None:
    before = rows_of(folder)
    path = os.path.join(folder, "1", "part")
    assert rows_of(folder, "2/part", "1/part").difference(before).endswith(
        "of other names or sizes")
    os.rename(os.path.join(folder, "1"), os.path.join(folder, "0"))
    assert rows_of(folder, "0/part", "2/part").difference(before).endswith(
        "of other names or sizes")
    os.rename(os.path.join(folder, "0"), os.path.join(folder, "1"))
    assert rows_of(folder) == before
    os.utime(path, ns=(0, 1))
    assert rows_of(folder).difference(before).endswith("bytes, written anew since")
    with open(path, "ab") as file:
        file.write(b"1")
    now = rows_of(folder)
    assert now.difference(before) == "{}, now {}".format(before.described(), now.described())


def test_addresses_keep_their_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity.location, "stamp", lambda path: identity.Stamp(5, "tag"))
    listing = identity.listing(paths_of("s3://bucket/rows", "ds=1/a", "ds=1/b", "ds=2/a"))
    assert listing.folder == "s3://bucket/rows"
    assert listing.names == ("ds=1/a", "ds=1/b", "ds=2/a")
    one = identity.listing(paths_of("s3://bucket/rows", "ds=1/a"))
    assert (one.folder, one.names) == ("s3://bucket/rows/ds=1", ("a",))
