import os

import pytest

from common import earlier_run
from common.config.column import Column
from common.config.schema import Schema
from common.errors import BadInput
from common.files import write_json
from common.pipeline.source import Data
from common.testing import toy

SCHEMA = Schema("books", (Column("y", "label"), Column("mid", "vocabulary", vocabulary="mid_voc"),
                          Column("last", "vocabulary", vocabulary="mid_voc")),
                "train", "test", "", "")
OLD = [b"default_mid", b"a", b"b"]


def data_with(words: list, folder: object) -> Data:
    data = toy.open_toy(folder, toy.random_rows(1, 9), toy.random_rows(2, 5))
    return data._replace(schema=SCHEMA, vocabularies={
        "mid_voc": {word: number for number, word in enumerate(words)}})


def config_of(words: list, folder: object) -> None:
    digest = earlier_run.digest(words, len(words))
    write_json(os.path.join(str(folder), "config.json"),
               {"vocabularies": {"mid_voc": {"words": len(words), "sha256": digest}}})


def test_words_added_at_the_end_make_tables_grow(tmp_path: object) -> None:
    config_of(OLD, tmp_path)
    assert earlier_run.growth(data_with(OLD, tmp_path), str(tmp_path)) == {}
    assert earlier_run.growth(data_with([*OLD, b"c"], tmp_path), str(tmp_path)) == {
        "mid_embedding/embedding_weights": (3, 4), "last_embedding/embedding_weights": (3, 4)}


@pytest.mark.parametrize("words", [[b"default_mid", b"b", b"a", b"c"], OLD[:2]])
def test_other_words_are_refused(tmp_path: object, words: list) -> None:
    config_of(OLD, tmp_path)
    with pytest.raises(BadInput, match="--warm_start reads a checkpoint that was trained with "
                       "another mid_voc, of 3 words; .* Words may only be added at its end"):
        earlier_run.growth(data_with(words, tmp_path), str(tmp_path))


def test_a_checkpoint_without_a_config_says_nothing_of_its_words(
        tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    assert earlier_run.growth(data_with(OLD, tmp_path), str(tmp_path)) == {}
    text = capsys.readouterr()
    assert "so nothing tells whether its vocabularies had the same words" in text.out + text.err


@pytest.mark.parametrize("words, expected", [
    (("s", "m"), {}),
    (("s", "m", "l"), {"size_embedding/embedding_weights": (2, 3)}),
    (("m", "s"), None),
    (("s",), None),
])
def test_words_of_a_schema_may_be_added_at_the_end_too(tmp_path: object, words: tuple,
                                                       expected: object) -> None:
    columns = [{"name": "size", "kind": "words", "words": ["s", "m"]}]
    write_json(os.path.join(str(tmp_path), "config.json"), {"schema": {"columns": columns}})
    schema = Schema("shop", (Column("y", "label"), Column("size", "words", words=words)),
                    "train", "test", "", "")
    data = data_with(OLD, tmp_path)._replace(schema=schema)
    if expected is not None:
        assert earlier_run.growth(data, str(tmp_path)) == expected
        return
    with pytest.raises(BadInput, match="in which the words of column 'size' were s, m, and they "
                       "are .*Words may only be added at their end"):
        earlier_run.growth(data, str(tmp_path))
