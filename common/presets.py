"""The commands behind the numbers of the README: `python -m common.presets [NAME [flags]]`.

Without a name it lists them; with one it becomes that training run, as common/launch.py does. Flags
behind the name go to the model's train.py, where they override those of the preset.

    python -m common.presets
    python -m common.presets census_mmoe --data_location /path/to/census --seed 2
"""

import os
import sys
from typing import Dict, List, NamedTuple

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import launch, log  # noqa: E402


class Preset(NamedTuple):
    """One training run on a public data set.

    Attributes:
      model: the folder of the model.
      flags: of its train.py.
      rows: the command that makes the rows of the published files, or what reads them as they are.
    """

    model: str
    flags: str
    rows: str

    @property
    def words(self) -> List[str]:
        """The model and its flags, as launch.py takes them."""
        return [self.model, *self.flags.split()]


_CENSUS = "python data/census.py convert census-income.test.gz"
_ALICCP = "python data/aliccp.py convert FOLDER"
_ALIEXPRESS = "python data/aliexpress.py convert train.csv test.csv"
_CRITEO = "python data/criteo.py convert train.csv --test_source eval.csv"
PRESETS: Dict[str, Preset] = {
    # Few rows are soon known by heart: so batches are larger and, of MMoE, the rate falls.
    "census_mmoe": Preset(
        "mmoe", "--schema census --epochs 5 --batch_size 1024 --optimizer adam "
        "--learning_rate 0.001 --warmup_steps 32 --decay cosine", _CENSUS),
    "census_ple": Preset("ple", "--schema census --epochs 5 --batch_size 1024", _CENSUS),
    "aliccp_esmm": Preset("esmm", "--schema aliccp --epochs 1", _ALICCP),
    "aliccp_mmoe": Preset("mmoe", "--schema aliccp --epochs 1", _ALICCP),
    "aliccp_ple": Preset("ple", "--schema aliccp --epochs 1", _ALICCP),
    "aliexpress_mmoe": Preset("mmoe", "--schema aliexpress --epochs 1", _ALIEXPRESS),
    "aliexpress_ple": Preset("ple", "--schema aliexpress --epochs 1", _ALIEXPRESS),
    "amazon_din": Preset("din", "--schema amazon", "data/din/prepare_data.sh --ties file FOLDER"),
    "criteo_dlrm": Preset("dlrm", "--schema criteo", _CRITEO),
}


def words_of(argv: List[str]) -> List[str]:
    """The model and the flags that a command line asks for.

    Raises:
      ValueError: its first word names no preset.
    """
    name, *flags = argv
    if name not in PRESETS:
        raise ValueError("no preset {!r}. There are {}.".format(name, ", ".join(PRESETS)))
    return PRESETS[name].words + flags


def listing() -> str:
    """All presets, with what makes their rows and what trains on them."""
    lines: List[str] = []
    for name, preset in PRESETS.items():
        lines += [
            name,
            "    rows   {}".format(preset.rows),
            "    train  python {}/train.py {}".format(preset.model, preset.flags),
        ]
    return "\n".join(lines)


def main(argv: List[str]) -> int:
    """Lists the presets, or becomes the training process of one.

    Returns:
      the exit status: 0, or 2 for wrong use.
    """
    if not argv:
        log.show(listing())
        return 0
    if argv[0] in ("-h", "--help"):
        log.show(__doc__.rstrip())
        return 0
    try:
        words = launch.command(words_of(argv))
        launch.become(words, launch.environment(os.environ))
    except ValueError as error:
        print("presets.py: error: {}".format(error), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
