import os

import pytest

from common import flags
from common.config import model as model_of
from common.deeprec import conflicts, recorded_api
from common.kernels import native

PARSER = flags.make_parser("", model_of.read("esmm"))
NOTHING = dict.fromkeys(PARSER.names(), None)


REFUSED_EVERYWHERE = [
    *[(dict({name: 2}, tf=True), "it switches every DeepRec feature off")
      for name in ("bf16", "micro_batch", "ev", "adaptive_emb", "dynamic_ev", "multihash",
                   "incremental_ckpt", "workqueue")],
    (dict(dynamic_ev=True, adaptive_emb=True), "two of --adaptive_emb.*Choose one"),
    (dict(multihash=True,
          ev=True), "--multihash with --ev: .* Choose one. Got: --ev, --multihash."),
    (dict(ev_filter="cbf"), "options of embedding variables.* Give --ev"),
    (dict(multihash=True, ev_elimination="l2"), "options of embedding variables"),
    (dict(ev=True, adaptive_emb=True,
          ev_filter="cbf"), "decides by itself which keys get a row. Set --hot_freq"),
    (dict(ev=True, dynamic_ev=True,
          ev_elimination="l2"), "drop blocks of one key apart .* Use --ev_elimination gstep"),
]


@pytest.mark.parametrize("on_deeprec", [False, True])
@pytest.mark.parametrize("given, message", REFUSED_EVERYWHERE)
def test_combinations_that_mean_nothing_are_refused(given: dict, message: str, on_deeprec: bool,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    if on_deeprec:
        recorded_api.install(monkeypatch)
    with pytest.raises(ValueError, match=message):
        conflicts.check(dict(NOTHING, **given))


def test_a_work_queue_needs_native_ops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "load", lambda: native.Native(None, "no compiler"))
    conflicts.check(NOTHING)
    with pytest.raises(
            ValueError,
            match="--workqueue is a native op, and there are no native ops: no compiler. Mend"):
        conflicts.check(dict(NOTHING, workqueue=True))


REFUSED = [
    ("deeprec2402", dict(dynamic_ev=True, ev=True,
                         ev_filter="cbf"), "dynamic dimension do not take. Drop one"),
    ("deeprec2402", dict(ev=True, ev_filter="cbf",
                         incremental_ckpt=60), "do not hold what the filter has counted"),
    ("deeprec2402", dict(ev=True, ev_filter="counter",
                         incremental_ckpt=60), "Save whole checkpoints often"),
    ("deeprec2204", dict(ev=True, ev_filter="counter",
                         ev_elimination="l2"), "Use --ev_elimination gstep"),
    ("deeprec2402", dict(ev=True, ev_elimination="gstep",
                         optimizer="adagraddecay"), "Use --optimizer adagrad"),
    ("deeprec2302", dict(ev=True, incremental_ckpt=60), "restored wrongly .* newer DeepRec"),
    ("deeprec2402", dict(multihash=True, input_layer_partitioner=1), "issue 145.* Drop it"),
]


@pytest.mark.parametrize("release, given, message", REFUSED)
def test_combinations_that_deeprec_breaks_are_refused(release: str, given: dict, message: str,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_api.install(monkeypatch, release=release)
    with pytest.raises(ValueError, match=message):
        conflicts.check(dict(NOTHING, **given))


def test_every_rule_is_tested() -> None:
    given = [one for one, _ in REFUSED_EVERYWHERE] + [one for _, one, _ in REFUSED]
    for rule in conflicts.EVERYWHERE + conflicts.ON_DEEPREC:
        assert any(rule.holds(dict(NOTHING, **one)) for one in given), rule.flags


@pytest.mark.parametrize("given", [
    dict(ev=True, ev_filter="counter", ev_elimination="l2"),
    dict(ev=True, incremental_ckpt=60),
    dict(ev=True),
    dict(ev=True, adaptive_emb=True),
    dict(dynamic_ev=True),
    dict(multihash=True),
    dict(ev=True, ev_elimination="gstep", optimizer="adagrad"),
    dict(input_layer_partitioner=1),
    dict(tf=True)
])
def test_other_combinations_pass(given: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_api.install(monkeypatch)
    conflicts.check(dict(NOTHING, **given))


@pytest.mark.parametrize("protocol", ["grpc++", "star_server"])
def test_protocols_of_deeprec_need_deeprec(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="needs DeepRec: TensorFlow 1.15.5 registers no server"):
        conflicts.check_protocol(protocol)
    conflicts.check_protocol("grpc")
    recorded_api.install(monkeypatch)
    conflicts.check_protocol(protocol)


def test_protocols_of_deeprec_need_a_file_of_addresses(tmp_path: object,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    recorded_api.install(monkeypatch)
    addresses = ["a:2222", "b:2222"]
    conflicts.check_protocol("grpc", addresses, str(tmp_path))
    with pytest.raises(
            ValueError,
            match=r"\.endpoint_map is missing. Write a line .* each of the 2 processes .* "
            r"a:2222=a:PORT, or use --protocol grpc"):
        conflicts.check_protocol("star_server", addresses, str(tmp_path))
    open(os.path.join(str(tmp_path), ".endpoint_map"), "w").close()
    conflicts.check_protocol("star_server", addresses, str(tmp_path))
