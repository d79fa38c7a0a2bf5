"""Starts a model's train.py as a process of a job: `python common/launch.py MODEL [flags of MODEL/train.py]`.

Sets TF_CONFIG right and the environment that has to be there before Python starts, then becomes the training process.
With `--local ps=2,worker=2,evaluator=1` before the model it rehearses a whole cluster on this machine.

    python common/launch.py esmm --bf16
    python common/launch.py --local ps=2,worker=2,evaluator=1 esmm --steps 500
"""

import os
import signal
import sys
from typing import Dict, List, Mapping, NoReturn, Optional

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)
from common.config import cluster  # noqa: E402
from common.process import rehearsal  # noqa: E402

MODELS = ("esmm", "mmoe", "ple", "din", "dlrm")
# As DeepRec recommends; jemalloc reads it when it is loaded.
MALLOC_CONF = "background_thread:true,metadata_thp:auto,dirty_decay_ms:20000,muzzy_decay_ms:20000"
# DeepRec's memory planner watches the steps between these two; other TensorFlows do not read them.
STATISTIC_STEPS = {"START_STATISTIC_STEP": "100", "STOP_STATISTIC_STEP": "110"}
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS")
_LIBRARY_FOLDERS = ("/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
_QUOTA_FILE = "/sys/fs/cgroup/cpu.max"
_USAGE = "usage: launch.py [--local ROLE=COUNT,...] {" + ",".join(MODELS) + "} [flags of the model's train.py]"


def command(words: List[str]) -> List[str]:
    """The command that trains a model.

    Args:
      words: the model's name and the flags of its train.py.

    Raises:
      ValueError: the first word is no model.
    """
    if not words or words[0] not in MODELS:
        raise ValueError("no model {!r}. Models: {}.".format(words[0] if words else "", ", ".join(MODELS)))
    return [sys.executable, os.path.join(ROOT, words[0], "train.py")] + words[1:]


def environment(given: Mapping[str, str], library_folders: List[str] = list(_LIBRARY_FOLDERS),
                quota_file: str = _QUOTA_FILE) -> Dict[str, str]:
    """The environment of a training process; what is set already stays as it is.

    Raises:
      ValueError: TF_CONFIG is malformed or contradicts itself.
    """
    made = {**STATISTIC_STEPS, "MALLOC_CONF": MALLOC_CONF, **dict.fromkeys(_THREADS, str(cores(quota_file))),
            "PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": "ignore::FutureWarning"}
    jemalloc = find_jemalloc(library_folders)
    if jemalloc:
        made["LD_PRELOAD"] = jemalloc
    made.update(given)
    job = cluster.read(given)
    made.pop("TF_CONFIG", None)
    if job:
        made["TF_CONFIG"] = job.tf_config()
    return made


def find_jemalloc(folders: List[str]) -> Optional[str]:
    """The path of jemalloc's library, None where it is not installed."""
    for folder in folders:
        path = os.path.join(folder, "libjemalloc.so.2")
        if os.path.exists(path):
            return path
    return None


def cores(quota_file: str) -> int:
    """How many cores this process may use: those it is bound to, and no more than its container's quota, rounded up."""
    usable = len(os.sched_getaffinity(0))
    try:
        with open(quota_file) as file:
            quota, period = file.read().split()
    except (OSError, ValueError):
        return usable
    return usable if quota == "max" else max(1, min(usable, -(-int(quota) // int(period))))


def become(words: List[str], env: Dict[str, str]) -> NoReturn:
    """Turns this process into another program. SIGTERM waits until that is ready for it: as process 1 of a container it
    would be deaf to a signal that came while it starts."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    sys.stdout.flush()
    os.execve(words[0], words, env)


def main(argv: List[str]) -> int:
    """Becomes the training process, or rehearses a cluster; returns the exit status of a rehearsal or of wrong use."""
    try:
        if argv[:1] == ["--local"]:
            roles = rehearsal.read_roles(argv[1] if len(argv) > 1 else "")
            command(argv[2:])  # raises where there is no such model
            return rehearsal.run(roles, os.path.abspath(__file__), argv[2:])
        become(command(argv), environment(os.environ))
    except ValueError as error:
        print("{}\nlaunch.py: error: {}".format(_USAGE, error), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
