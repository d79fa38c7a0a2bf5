import types

import pytest

from common import deeprec
from common.deeprec import Toggles


def test_tf_excludes_features() -> None:
    with pytest.raises(ValueError, match="--tf switches every DeepRec feature off, so it cannot go with --bf16"):
        Toggles(tf=True, bf16=True)
    with pytest.raises(ValueError, match="--tf switches every DeepRec feature off, so it cannot go with --micro_batch"):
        Toggles(tf=True, micro_batch=4)


@pytest.mark.parametrize("protocol", ["grpc++", "star_server"])
def test_protocols_of_deeprec_need_deeprec(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="needs DeepRec: TensorFlow 1.15.5 registers no server"):
        deeprec.check_protocol(protocol)
    deeprec.check_protocol("grpc")
    monkeypatch.setattr(deeprec, "is_deeprec", lambda: True)
    deeprec.check_protocol(protocol)


def test_features_name_who_serves_them() -> None:
    table = dict(deeprec.features(Toggles(bf16=True), "grpc"))
    assert table["TensorFlow"] == "1.15.5 (stock)"
    assert "the speed is not" in table["bf16"]
    assert table["incremental_ckpt"] == "off"
    assert "every 30 s the rows touched" in dict(deeprec.features(Toggles(), "grpc", 30))["incremental_ckpt"]
    assert "the speed is not" in table["bf16"] and table["micro_batch"] == "off"
    assert dict(deeprec.features(Toggles(micro_batch=3), "grpc"))["micro_batch"].startswith("3 slices of each batch")
    assert dict(deeprec.features(Toggles(tf=True), "grpc"))["input and layers"].endswith("(--tf)")


@pytest.mark.parametrize("name", sorted(deeprec.UNSERVED))
def test_features_that_nothing_serves_are_refused_with_a_reason(name: str) -> None:
    wanted = dict.fromkeys(deeprec.UNSERVED, None)
    deeprec.check_served(wanted)
    with pytest.raises(ValueError, match="--{} 2: .* (not|no) .*".format(name)):
        deeprec.check_served(dict(wanted, **{name: 2}))


def test_deeprecs_own_optimizers_are_used_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deeprec.own_optimizer("adamasync", 0.1, None) is None
    train = types.SimpleNamespace(AdamAsyncOptimizer=lambda *args: ("async",) + args,
                                  AdagradDecayOptimizer=lambda *args: ("decay",) + args)
    monkeypatch.setattr(deeprec, "tf", types.SimpleNamespace(get_embedding_variable=None, train=train))
    assert deeprec.own_optimizer("adamasync", 0.1, None) == ("async", 0.1)
    assert deeprec.own_optimizer("adagraddecay", 0.1, 7) == ("decay", 0.1, 7)
