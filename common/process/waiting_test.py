import socket

import pytest

from common.errors import NeverCame
from common.process import waiting


def test_who_can_be_reached() -> None:
    with socket.socket() as there, socket.socket() as bound:
        there.bind(("127.0.0.1", 0))
        there.listen()
        bound.bind(("127.0.0.1", 0))
        here, gone = ["127.0.0.1:{}".format(one.getsockname()[1]) for one in (there, bound)]
        assert waiting.is_reachable(here) and not waiting.is_reachable(gone)
        assert not waiting.is_reachable("no-such-host.invalid:1")
        assert waiting.missing({"ps-0": here, "ps-1": gone}) == ["ps-1 ({})".format(gone)]


def test_a_wait_says_for_whom_and_ends(capsys: pytest.CaptureFixture,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "SAY_SECS", 0.05)
    monkeypatch.setattr(waiting, "_POLL_SECS", 0.01)
    with pytest.raises(
            NeverCame,
            match=r"waited \d s for ps-0. See why it does not run, or raise --wait_secs"):
        waiting.wait(lambda: False, lambda: "ps-0", 0.3)
    said = capsys.readouterr().err
    assert 3 <= said.count("waiting for ps-0, 0 s") <= 6
    left = iter([False, False, True])
    waiting.wait(lambda: next(left), lambda: "", 10)


def test_a_wait_is_not_bounded_while_its_object_is_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_POLL_SECS", 0.01)
    polls = iter(range(100))
    waiting.wait(lambda: next(polls) == 30, lambda: "", 0.05, is_coming=lambda: True)
