import os
import sys
from typing import Dict

import pytest

import common
from common.config import model
from common.errors import BadInput
from common.places import stores
from common.places.stores import Endpoint

_KEYS = {"AWS_ACCESS_KEY_ID": "AKIDX", "AWS_SECRET_ACCESS_KEY": "hidden"}


def _set(monkeypatch: pytest.MonkeyPatch, values: Dict[str, str]) -> None:
    names = ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
             "AWS_PROFILE", "STORAGE_EMULATOR_HOST", "GOOGLE_APPLICATION_CREDENTIALS", *_KEYS]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    for name, value in values.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("values, expected", [
    ({}, None),
    ({"AWS_ENDPOINT_URL": ""}, None),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9000/"}, Endpoint("http", "127.0.0.1:9000")),
    ({"AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_S3": "https://b"}, Endpoint("https", "b")),
])
def test_the_endpoint_that_the_environment_names(
        values: Dict[str, str], expected: Endpoint) -> None:
    assert stores.endpoint(values) == expected


@pytest.mark.parametrize("url", ["127.0.0.1:9000", "http://a/path", "ftp://a", "http://a?x=1"])
def test_an_endpoint_of_another_form(url: str) -> None:
    with pytest.raises(BadInput, match="AWS_ENDPOINT_URL is '.*'. Expected http://HOST:PORT"):
        stores.endpoint({"AWS_ENDPOINT_URL": url})


def test_a_key_in_the_endpoint_is_not_shown() -> None:
    with pytest.raises(BadInput, match="AWS_ENDPOINT_URL: it holds a user or a key") as raised:
        stores.endpoint({"AWS_ENDPOINT_URL": "http://me:hidden@host"})
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("values, words", [
    (_KEYS, "s3://b/x: which server is meant\\? Set AWS_REGION for Amazon's, or AWS_ENDPOINT_URL"),
    ({"AWS_REGION": "eu-central-1"},
     "s3://b/x: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set"),
    ({"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDX"},
     "s3://b/x: AWS_SECRET_ACCESS_KEY is not set"),
])
def test_what_the_environment_lacks(
        values: Dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, values)
    with pytest.raises(BadInput, match=words):
        stores.of("s3://b/x")


def test_one_store_for_an_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, dict(_KEYS, AWS_REGION="eu-central-1"))
    one = stores.of("s3://b/x")
    assert stores.of("s3://c").files is one.files and one.server == "Amazon S3 in eu-central-1"
    assert one.files.region == "eu-central-1"
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert stores.of("s3://b/x").files is not one.files
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert stores.of("s3://b/x").server == "http://127.0.0.1:1"


@pytest.mark.parametrize("values", [
    {"AWS_SKIP_SIGNATURE": "true"}, {"AWS_PROFILE": "one"}, {"AWS_EC2_METADATA_DISABLED": "false"}])
def test_other_ways_to_have_keys_or_none(
        values: Dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, dict(values, AWS_REGION="eu-central-1"))
    assert stores.of("s3://b").server == "Amazon S3 in eu-central-1"


def test_gs_without_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, {})
    with pytest.raises(BadInput, match="gs://b/x: GOOGLE_APPLICATION_CREDENTIALS is not set"):
        stores.of("gs://b/x")


def test_hdfs_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    monkeypatch.setenv("ARROW_LIBHDFS_DIR", "/nowhere")
    with pytest.raises(BadInput, match="hdfs://h:8020/x: HDFS cannot be reached .*Set JAVA_HOME"):
        stores.of("hdfs://h:8020/x")
    with pytest.raises(BadInput, match="the port is 'x'. Write hdfs://HOST:PORT/PATH"):
        stores.of("hdfs://h:x/y")


@pytest.mark.parametrize("address, path", [
    ("s3://b/a b/c=1/", "b/a b/c=1"), ("gs://b", "b"), ("hdfs://h:1/a/b", "/a/b"),
    ("hdfs://h:1", "/")])
def test_the_path_in_a_store(address: str, path: str) -> None:
    assert stores.path_in(address) == path


def test_keys_are_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, _KEYS)
    assert stores.without_secrets("AKIDX and hidden") == (
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")


def test_a_key_of_few_letters_leaves_other_words_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "long.enough")
    assert stores.without_secrets("a bucket was asked: a/us, xlong.enoughx") == (
        "AWS_ACCESS_KEY_ID bucket was asked: AWS_ACCESS_KEY_ID/us, xAWS_SECRET_ACCESS_KEYx")


def test_gs_after_tensorflow_was_imported_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    others = {name: module for name, module in sys.modules.items() if name != "tensorflow"}
    monkeypatch.setattr(stores.sys, "modules", {"tensorflow": None, **others})
    with pytest.raises(BadInput, match="gs://b/x: this program imports tensorflow before pyarrow"):
        stores.of("gs://b/x")


def test_every_program_imports_pyarrow_first() -> None:
    import_common, import_tensorflow = "\nfrom common", "\nimport tensorflow"
    for name in model.names():
        with open(os.path.join(model.ROOT, name, "train.py")) as file:
            text = file.read()
        assert text.index(import_common) < text.index(import_tensorflow), name
    with open(common.__file__) as file:
        assert "\nimport pyarrow" in file.read()
