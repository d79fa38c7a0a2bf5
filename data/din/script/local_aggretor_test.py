import os
from typing import Dict, List, Tuple

import pytest

from common.errors import BadInput
from data.din.samples import Sample, read_samples
from data.din.script import local_aggretor
from data.din.script.local_aggretor import Report, Settings

SETTINGS = Settings(seed=1, draws_ties=False, min_categories=0, num_buckets=4)
REVIEWS = [
    "u1\ta\t5.0\t30", "u2\tb\t5.0\t10", "u1\tb\t1.0\t10", "u3\td\t1.0\t7", "u1\tc\t1.0\t30",
    "u2\tx\t1.0\t10", "u1\te\t2.0\t-5", "u1\tb\t2.0\t12", "u4\tf\t2.0\t1"
]
ITEMS = ["a\tA \"x\"", "b\tB", "c\tC", "a\tlater", "d\tD", "e\tE", "unseen\tU", "f\tF"]


def write(folder: object, name: str, lines: List[str]) -> str:
    path = os.path.join(str(folder), name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path


def aggregate(folder: object, reviews: List[str], items: List[str],
              settings: Settings = SETTINGS) -> Tuple[Report, List[Sample]]:
    target = os.path.join(str(folder), "samples")
    report = local_aggretor.aggregate(write(folder, "reviews-info", reviews),
                                      write(folder, "item-info", items), target, settings)
    samples = [sample for _, sample in read_samples(target)]
    assert len(samples) == report.num_lines
    return report, samples


def run(folder: object, reviews: List[str], items: List[str],
        settings: Settings = SETTINGS) -> List[Sample]:
    return aggregate(folder, reviews, items, settings)[1]


def by_user(samples: List[Sample]) -> Dict[str, Tuple[Sample, Sample]]:
    """The negative and the positive sample of each user, as they follow each other."""
    assert [sample.label for sample in samples] == [b"0", b"1"] * (len(samples) // 2)
    pairs = {
        negative.user.decode(): (negative, positive)
        for negative, positive in zip(samples[::2], samples[1::2])
    }
    assert len(pairs) == len(samples) // 2
    return pairs


@pytest.mark.parametrize("num_buckets", [1, 4, 64])
def test_history_is_in_the_order_of_time_then_of_the_file(tmp_path: object,
                                                          num_buckets: int) -> None:
    pairs = by_user(run(tmp_path, REVIEWS, ITEMS, SETTINGS._replace(num_buckets=num_buckets)))
    assert sorted(pairs) == ["u1", "u2"]  # u3 and u4 have one review each
    negative, positive = pairs["u1"]
    assert positive[2:] == (b"c", b"C", b"e\x02b\x02b\x02a", b"E\x02B\x02B\x02A \"x\"")
    assert negative[1] == positive[1] and negative[4:] == positive[4:]
    assert negative.item in (b"d", b"f", b"x") and negative.category in (b"D", b"F", b"default_cat")
    assert pairs["u2"][1][2:] == (b"x", b"default_cat", b"b", b"B")
    assert sorted(os.listdir(str(tmp_path))) == ["item-info", "reviews-info", "samples"]


def test_negatives_are_drawn_by_popularity_from_other_items(tmp_path: object) -> None:
    popularity = {"a": 400, "b": 200, "c": 100, "d": 1}
    reviews = [
        "s{}{}\t{}\t5\t1".format(item, i, item)
        for item, count in popularity.items()
        for i in range(count)
    ]
    reviews += [
        "u{}\t{}\t5\t{}".format(i, item, time)
        for i in range(3000)
        for time, item in enumerate("da")
    ]
    samples = run(tmp_path, reviews, ITEMS, SETTINGS._replace(num_buckets=8))
    drawn = [negative.item for negative, _ in by_user(samples).values()]
    assert set(drawn) == {b"b", b"c"}
    assert drawn.count(b"b") / len(drawn) == pytest.approx(2 / 3, abs=0.04)
    assert all(sample.category == sample.item.upper() or sample.item == b"a" for sample in samples)


def test_the_seed_draws_other_negatives(tmp_path: object) -> None:
    reviews = ["u{}\ti{}\t5\t1".format(i % 300, i) for i in range(900)]
    first, again, other = [run(tmp_path, reviews, ITEMS, SETTINGS._replace(seed=seed))
                           for seed in (1, 1, 2)]
    assert first == again
    assert [s for s in first if s.label == b"1"] == [s for s in other if s.label == b"1"]
    assert sum(one.item == two.item for one, two in zip(first[::2], other[::2])) < 10


@pytest.mark.parametrize("reviews, items, message", [
    (["u\ta\t5\t1", "v\tb\t5\t1"
      ], ITEMS, "reviews-info: no user has reviews of two items. Give more reviews"),
    (["u\ta\t5\t1", "u\tb\t5\t1", "v\ta\t5\t1"], ITEMS,
     "user 'u' reviewed all 2 items, so none is left to draw as a negative. Give more reviews"),
    (["u\ta\t5\t1", "u\tb\t5\tx"
      ], ITEMS, "reviews-info, line 2: .* is given, expected user, item, rating, time"),
    (REVIEWS, ["a"],
     "item-info, line 1: 'a' is given, expected item, category in UTF-8, tab-separated"),
    (["u\ta\t5\t1", "u\tb\t5\t0x1"
      ], ITEMS, "reviews-info, line 2: .* the time a whole number. Write the file again"),
    (["u\ta\t5\t1", "\tb\t5\t1"
      ], ITEMS, "reviews-info, line 2: .*, none empty or with a byte 0x02"),
    (REVIEWS, ["a\tA", "b\t"], "item-info, line 2: .*, none empty or with a byte 0x02"),
    (REVIEWS, [], "item-info: no such file, or an empty one. Write it with process_data.py"),
])
def test_errors_write_nothing(tmp_path: object, reviews: List[str], items: List[str],
                              message: str) -> None:
    with pytest.raises(BadInput, match=message):
        run(tmp_path, reviews, items)
    assert sorted(os.listdir(str(tmp_path))) == ["item-info", "reviews-info"]


def test_equal_records_count_once(tmp_path: object) -> None:
    reviews = ["u\ta\t5.0\t1", "u\tb\t5.0\t2", "u\tb\t5.0\t2", "u\tb\t5.0\t2", "v\tc\t1.0\t2",
               "v\tc\t1.0\t2"]
    report, samples = aggregate(tmp_path, reviews, ITEMS)
    assert (report.num_equal, report.num_repeats, report.num_users) == (3, 0, 2)
    assert by_user(samples)["u"][1][2:] == (b"b", b"B", b"a", b"A \"x\"")
    assert sorted(by_user(samples)) == ["u"]  # v has one review


def test_earlier_reviews_of_the_target_are_no_history(tmp_path: object) -> None:
    reviews = ["u\ta\t5.0\t1", "u\tb\t5.0\t2", "u\ta\t1.0\t3", "u\td\t1.0\t2", "u\tb\t2.0\t4",
               "v\tc\t1.0\t1", "v\tc\t1.0\t2", "w\te\t1.0\t2"]
    report, samples = aggregate(tmp_path, reviews, ITEMS)
    negative, positive = by_user(samples)["u"]
    assert positive[2:] == (b"b", b"B", b"a\x02d\x02a", b"A \"x\"\x02D\x02A \"x\"")
    assert negative[4:] == positive[4:] and negative.item in (b"c", b"e")
    assert (report.num_equal, report.num_lines) == (0, 2)
    assert list(report.lines()) == [
        "0 reviews left out: equal to another in user, item, rating and time",
        "2 reviews left out of histories: before the last one of the target item",
        "2 of 3 users left out: no review of another item before the last",
        "0 of 1 positive targets are reviewed by nobody else, as negative ones never are",
        "5 items, 0 without a category, 0 not in the list of items"]


def test_ties_are_drawn_by_the_seed(tmp_path: object) -> None:
    reviews = ["u{}\ti{}\t5\t1".format(user, item) for item in range(4) for user in range(500)]
    reviews += ["v{}\ti5\t5\t1".format(user) for user in range(500)]
    first, again, other = [
        run(tmp_path, reviews, ITEMS, SETTINGS._replace(seed=seed, draws_ties=True))
        for seed in (1, 1, 2)]
    assert first == again
    targets, others = [[sample.item for sample in samples[1::2]] for samples in (first, other)]
    assert all(targets.count(b"i%d" % item) in range(90, 160) for item in range(4))
    assert sum(map(bytes.__eq__, targets, others)) in range(90, 160)
    in_file = run(tmp_path, reviews, ITEMS)
    assert {sample.item for sample in in_file[1::2]} == {b"i3"}


@pytest.mark.parametrize("items, counts", [
    (["z\tZ", "y\tY"], "3 items, 0 without a category, 3 not in the list of items"),
    (["a\tdefault_cat", "b\tdefault_cat", "c\tC"],
     "3 items, 2 without a category, 0 not in the list of items"),
])
def test_most_items_without_a_category(tmp_path: object, items: List[str], counts: str) -> None:
    reviews = ["u\ta\t5\t1", "u\tb\t5\t2", "v\tc\t5\t1"]
    message = ("item-info: of " + counts + "; expected a category of 50% of them. Are both files "
               "of the same release, with the same ids. Both files of 2023 know an item by "
               "parent_asin. To train .* pass --min_categories 0")
    with pytest.raises(BadInput, match=message):
        run(tmp_path, reviews, items, SETTINGS._replace(min_categories=0.5))
    assert sorted(os.listdir(str(tmp_path))) == ["item-info", "reviews-info"]
    report, _ = aggregate(tmp_path, reviews, items)
    assert report.items.describe() == counts


def test_a_later_record_gives_an_item_its_category(tmp_path: object) -> None:
    items = ["a\tdefault_cat", "a\tA", "b\tB", "c\tC"]
    report, samples = aggregate(tmp_path, ["u\ta\t5\t1", "u\tb\t5\t2", "v\tc\t5\t1"], items)
    assert report.items.num_uncategorized == 0 and samples[1].categories == b"A"


def test_a_folder_of_the_user_stays(tmp_path: object) -> None:
    os.makedirs(os.path.join(str(tmp_path), "samples.buckets", "mine"))
    run(tmp_path, REVIEWS, ITEMS)
    assert os.listdir(os.path.join(str(tmp_path), "samples.buckets")) == ["mine"]
    assert sorted(os.listdir(
        str(tmp_path))) == ["item-info", "reviews-info", "samples", "samples.buckets"]


def test_main(tmp_path: object, capsys: pytest.CaptureFixture) -> None:
    argv = [write(tmp_path, "reviews-info", REVIEWS), write(tmp_path, "item-info", ITEMS),
            os.path.join(str(tmp_path), "samples")]
    assert local_aggretor.main(argv) == 0
    assert capsys.readouterr().out.split("  ")[1:] == ["4 lines", "samples\n"]
    assert local_aggretor.main([argv[0] + "x"] + argv[1:]) == 1
    assert "error: " + argv[0] + "x: no such file" in capsys.readouterr().err
    assert local_aggretor.main(argv[:2] + [os.path.join(str(tmp_path), "nowhere", "samples")]) == 1
    assert "error: [Errno 2] No such file or directory: '{}/nowhere/samples".format(
        tmp_path) in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        local_aggretor.main(argv + ["--seed", "-1"])
    assert end.value.code == 2 and "--seed must be >= 0. Got: -1." in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        local_aggretor.main(argv + ["--min_categories", "50"])
    printed = capsys.readouterr().err
    assert end.value.code == 2 and "--min_categories must be from 0 to 1. Got: 50.0." in printed
    assert sorted(os.listdir(str(tmp_path))) == ["item-info", "reviews-info", "samples"]
