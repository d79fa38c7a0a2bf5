import os

import pytest

from common import recorded_deeprec, refusals
from common.kernels import native

NOTHING = dict.fromkeys(refusals.WANTED, None)


@pytest.mark.parametrize("name", ["ev", "adaptive_emb", "dynamic_ev", "multihash", "incremental_ckpt", "workqueue"])
def test_tf_switches_features_off(name: str) -> None:
    refusals.check(dict(NOTHING, tf=True))
    with pytest.raises(ValueError, match="--tf switches every DeepRec feature off, so it cannot go with --" + name):
        refusals.check(dict(NOTHING, tf=True, **{name: 2}))


def test_a_work_queue_needs_native_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "load", lambda: native.Native(None, "no compiler"))
    refusals.check(NOTHING)
    with pytest.raises(ValueError, match="--workqueue is a native op, and there are no native ops: no compiler. Mend"):
        refusals.check(dict(NOTHING, workqueue=True))


REFUSED = [
    ("deeprec2402", dict(tf=True, ev=True), "--tf switches every DeepRec feature off"),
    ("deeprec2402", dict(ev_filter="cbf"), "options of embedding variables.* Give --ev"),
    ("deeprec2402", dict(dynamic_ev=True, ev=True, ev_filter="cbf"), "options of embedding variables"),
    ("deeprec2402", dict(multihash=True, ev_elimination="l2"), "options of embedding variables"),
    ("deeprec2402", dict(dynamic_ev=True, adaptive_emb=True), "two of --adaptive_emb.*Choose one"),
    ("deeprec2402", dict(multihash=True, ev=True), "--multihash with --ev: .* Choose one"),
    ("deeprec2402", dict(ev=True, ev_filter="cbf", incremental_ckpt=60), "do not hold what the filter has counted"),
    ("deeprec2402", dict(ev=True, ev_filter="counter", incremental_ckpt=60), "Save whole checkpoints often"),
    ("deeprec2204", dict(ev=True, ev_filter="counter", ev_elimination="l2"), "Use --ev_elimination gstep"),
    ("deeprec2402", dict(ev=True, ev_elimination="gstep", optimizer="adagraddecay"), "Use --optimizer adagrad"),
    ("deeprec2302", dict(ev=True, incremental_ckpt=60), "restored wrongly .* newer DeepRec"),
    ("deeprec2402", dict(multihash=True, input_layer_partitioner=1), "issue 145.* Drop it"),
]


@pytest.mark.parametrize("release, given, message", REFUSED)
def test_combinations_that_deeprec_breaks_are_refused(release: str, given: dict, message: str,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_deeprec.install(monkeypatch, release=release)
    with pytest.raises(ValueError, match=message):
        refusals.check(dict(NOTHING, **given))


def test_every_rule_is_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {rule.flags for rule in refusals.RULES for _, given, _ in REFUSED if rule.holds(dict(NOTHING, **given))}
    assert held == {rule.flags for rule in refusals.RULES}


@pytest.mark.parametrize("given", [
    dict(ev=True, ev_filter="counter", ev_elimination="l2"), dict(ev=True, incremental_ckpt=60), dict(ev=True),
    dict(ev=True, adaptive_emb=True, ev_filter="cbf"), dict(dynamic_ev=True), dict(multihash=True),
    dict(ev=True, ev_elimination="gstep", optimizer="adagrad"), dict(input_layer_partitioner=1), dict(tf=True)])
def test_other_combinations_pass(given: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_deeprec.install(monkeypatch)
    refusals.check(dict(NOTHING, **given))


@pytest.mark.parametrize("protocol", ["grpc++", "star_server"])
def test_protocols_of_deeprec_need_deeprec(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="needs DeepRec: TensorFlow 1.15.5 registers no server"):
        refusals.check_protocol(protocol)
    refusals.check_protocol("grpc")
    recorded_deeprec.install(monkeypatch)
    refusals.check_protocol(protocol)


def test_protocols_of_deeprec_need_a_file_of_addresses(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_deeprec.install(monkeypatch)
    addresses = ["a:2222", "b:2222"]
    refusals.check_protocol("grpc", addresses, str(tmp_path))
    with pytest.raises(ValueError, match=r"\.endpoint_map is missing. Write a line .* each of the 2 processes .* "
                                         r"a:2222=a:PORT, or use --protocol grpc"):
        refusals.check_protocol("star_server", addresses, str(tmp_path))
    open(os.path.join(str(tmp_path), ".endpoint_map"), "w").close()
    refusals.check_protocol("star_server", addresses, str(tmp_path))
