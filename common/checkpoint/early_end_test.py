from common.checkpoint import early_end
from common.checkpoint.early_end import EarlyEnd


def test_written_read_and_taken_back(tmp_path: object) -> None:
    folder = str(tmp_path.joinpath("run"))
    assert early_end.read(folder, 2) is None
    end = EarlyEnd(30, "a reason", patience=2)
    early_end.write(folder, end)
    assert early_end.read(folder, 2) == end
    early_end.write(folder, end._replace(last_step=31))
    assert early_end.read(folder, 2) == EarlyEnd(30, "a reason", 2, 31)
    early_end.remove(folder)
    assert early_end.read(folder, 2) is None
    early_end.remove(folder)


def test_another_patience_goes_on(tmp_path: object) -> None:
    early_end.write(str(tmp_path), EarlyEnd(30, "a reason", patience=2))
    assert early_end.read(str(tmp_path), 3) is None and early_end.read(str(tmp_path), 0) is None
