import pytest

from common import deeprec
from common.deeprec import Toggles


def test_tf_excludes_features() -> None:
    with pytest.raises(ValueError, match="--tf switches every DeepRec feature off, so it cannot go with --bf16"):
        Toggles(tf=True, bf16=True)


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
    assert dict(deeprec.features(Toggles(tf=True), "grpc"))["input and layers"].endswith("(--tf)")
