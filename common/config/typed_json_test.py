import json
from typing import Any, Dict, NamedTuple, Tuple

import pytest

from common import results
from common.config import typed_json
from common.config.run import Run
from common.config.tables import Eviction, Settings
from common.config.toggles import Toggles
from common.embedding.config import Embedding
from common.embedding.kinds import Kind
from common.embedding.storage import Storage
from common.layers import partitioner
from common.testing import runs


class Sizes(NamedTuple):
    """A tuple of all kinds of fields."""

    embedding: Embedding
    names: Tuple[str, ...]
    pair: Tuple[int, float]
    by_name: Dict[str, Tuple[float, float]]
    rate: float = 0.5


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(results.as_json(value)))


def sizes() -> Sizes:
    settings = Settings("counter", 5, eviction=Eviction("gstep", 70))
    storage = Storage(Kind.ADAPTIVE, settings, often=4)
    embedding = Embedding(8, Toggles(bf16=True), storage=storage)
    return Sizes(embedding, ("a", "b"), (1, 2.0), {"n": (0.5, 3.0)}, 0.25)


def test_a_tuple_comes_back_from_json_as_it_was() -> None:
    assert typed_json.named_tuple(Sizes, through_json(sizes())) == sizes()


def test_a_run_comes_back_from_json_with_what_is_given_for_some_fields() -> None:
    run = runs.make_run("folder", toggles=Toggles(emb_fusion=True), settings=(Settings(),))
    back = typed_json.named_tuple(Run, through_json(run), settings=(Settings(),))
    assert back == run


def test_a_function_comes_back_as_none() -> None:
    value = sizes()
    value = value._replace(embedding=value.embedding._replace(partitioner=partitioner(1 << 20)))
    assert typed_json.named_tuple(Sizes, through_json(value)) == sizes()


def test_a_missing_field_has_its_default() -> None:
    fields = through_json(sizes())
    del fields["rate"]
    assert typed_json.named_tuple(Sizes, fields).rate == 0.5
    del fields["names"]
    with pytest.raises(ValueError, match="Sizes: .*missing 1 required.*'names'"):
        typed_json.named_tuple(Sizes, fields)


@pytest.mark.parametrize("field, value, message", [
    ("embedding", "repr", "embedding: expected an object. Got: 'repr'"),
    ("names", "a", "names: expected a list. Got: 'a'"),
    ("names", [1], "names: expected a value of type str. Got: 1"),
    ("pair", [1, 2.0, 3], "expected 2 items"),
    ("by_name", [], r"by_name: expected an object. Got: \[\]"),
    ("rate", "0.5", "rate: expected a number. Got: '0.5'"),
])
def test_a_value_of_another_type_is_an_error(field: str, value: Any, message: str) -> None:
    fields = {**through_json(sizes()), field: value}
    with pytest.raises(ValueError, match=message):
        typed_json.named_tuple(Sizes, fields)
