import pytest

from common.errors import BadInput
from common.places import addresses


@pytest.mark.parametrize("path", [
    "", "rows", "./a:b/c", "/a/b", "s3", "s3x/y", "s3://bucket", "s3://bucket/a b/ds=1/*.parquet",
    "gs://bucket/?.csv", "hdfs://host:8020/rows", "hdfs:///rows"])
def test_what_can_be_used(path: str) -> None:
    assert addresses.check(path) == path


@pytest.mark.parametrize("path, words", [
    ("s4://b/x", "s4://b/x: rows and runs lie in local folders or at s3://, gs://, hdfs://; s4://"),
    ("file:///a", "Write the path without file://."),
    ("s3a://b/x", "Write s3:// and set AWS_ENDPOINT_URL."),
    ("oss://b/x", "Write s3:// and set AWS_ENDPOINT_URL."),
    ("gcs://b/x", "Write gs://."),
    ("S3://b/x", "Write it in small letters."),
    ("s3:///x", "there is no bucket in it. Write s3://BUCKET/KEY."),
    ("s3:/b/x", "s3:/...: an address begins with s3://."),
    ("S3:b", "S3:...: an address begins with s3://."),
])
def test_what_cannot_be_used(path: str, words: str) -> None:
    with pytest.raises(BadInput) as raised:
        addresses.check(path)
    assert words in str(raised.value)


@pytest.mark.parametrize("path", [
    "s3://AKID:hidden@bucket/x", "s3://bucket/x?secret_key=hidden", "x1://a:hidden@b",
    "hdfs://hidden@host/x"])
def test_keys_in_an_address_are_not_shown(path: str) -> None:
    with pytest.raises(BadInput, match="holds a user, a key or an option") as raised:
        addresses.check(path)
    assert "hidden" not in str(raised.value) and "AKID" not in str(raised.value)


def test_what_is_written_to_local_folders_alone() -> None:
    assert addresses.check_local("a/b", "rows are written") == "a/b"
    with pytest.raises(BadInput, match="s3://b/x: rows are written to a local folder. .*aws s3 cp"):
        addresses.check_local("s3://b/x", "rows are written")
