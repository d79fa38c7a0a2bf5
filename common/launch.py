"""Starts a model's train.py as a process of a job: `python common/launch.py MODEL [flags]`.

Corrects TF_CONFIG and sets the environment that has to exist before Python starts, then becomes the
training process. With `--local ps=2,worker=2,evaluator=1` before the model it rehearses a whole
cluster on this machine.

    python common/launch.py esmm --bf16
    python common/launch.py --local ps=2,worker=2,evaluator=1 esmm --steps 500
"""

import math
import os
import signal
import sys
from typing import Dict, List, Mapping, NoReturn, Optional, Sequence

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from common import log  # noqa: E402
from common.config import cluster, model  # noqa: E402
from common.process import control_groups, cpu_quota, rehearsal  # noqa: E402

# As DeepRec recommends; jemalloc reads it when it is loaded.
MALLOC_CONF = "background_thread:true,metadata_thp:auto,dirty_decay_ms:20000,muzzy_decay_ms:20000"
# DeepRec's memory planner watches the steps between these two; stock TensorFlow ignores them.
STATISTIC_STEPS = {"START_STATISTIC_STEP": "100", "STOP_STATISTIC_STEP": "110"}
_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTEROP_THREADS", "TF_NUM_INTRAOP_THREADS")
_LIBRARY_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
_USAGE = "usage: launch.py [--local ROLE=COUNT,...] {{{}}} [flags of the model's train.py]"


def command(words: List[str]) -> List[str]:
    """The command that trains a model.

    Args:
      words: the model's name and the flags of its train.py.

    Raises:
      ValueError: the first word is no model.
    """
    folder = words[0] if words else ""
    names = model.names()
    if folder not in names:
        raise ValueError("no model {!r}. Models: {}.".format(folder, ", ".join(names)))
    return [sys.executable, os.path.join(model.ROOT, folder, "train.py")] + words[1:]


def environment(inherited: Mapping[str, str], library_folders: Sequence[str] = _LIBRARY_FOLDERS,
                proc: str = control_groups.PROC) -> Dict[str, str]:
    """The environment of a training process; what is set already stays as it is.

    Raises:
      ValueError: TF_CONFIG is malformed or contradicts itself.
    """
    env = dict(STATISTIC_STEPS)
    env["MALLOC_CONF"] = MALLOC_CONF
    env.update(dict.fromkeys(_THREADS, str(cores(proc))))
    env.update(PYTHONUNBUFFERED="1", PYTHONWARNINGS="ignore::FutureWarning")
    jemalloc = find_jemalloc(library_folders)
    if jemalloc:
        env["LD_PRELOAD"] = jemalloc
    env.update(inherited)
    job = cluster.read(inherited)
    env.pop("TF_CONFIG", None)
    if job:
        env["TF_CONFIG"] = job.tf_config()
    return env


def find_jemalloc(folders: Sequence[str]) -> Optional[str]:
    """The path of jemalloc's library, None where it is not installed."""
    for folder in folders:
        path = os.path.join(folder, "libjemalloc.so.2")
        if os.path.exists(path):
            return path
    return None


def cores(proc: str = control_groups.PROC) -> int:
    """How many cores this process may use.

    Those it is bound to, but at most the quota of its control groups, rounded up.
    """
    usable = len(os.sched_getaffinity(0))
    quota = cpu_quota.cores(proc)
    if quota is None:
        return usable
    return max(1, min(usable, math.ceil(quota)))


def become(words: List[str], env: Dict[str, str]) -> NoReturn:
    """Turns this process into another program.

    SIGTERM stays blocked until that program installs its handler: PID 1 in a container ignores a
    signal that arrives before.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    sys.stdout.flush()
    os.execve(words[0], words, env)


def main(argv: List[str]) -> int:
    """Becomes the training process, or rehearses a cluster.

    Returns:
      the exit status of a rehearsal, 0 for help, or 2 for wrong use.
    """
    if argv[:1] in (["-h"], ["--help"]):
        log.show(_USAGE.format(",".join(model.names())))
        return 0
    try:
        if argv[:1] == ["--local"]:
            roles = rehearsal.read_roles("".join(argv[1:2]))
            command(argv[2:])  # raises for an unknown model before any process starts
            return rehearsal.run(roles, os.path.abspath(__file__), argv[2:])
        become(command(argv), environment(os.environ))
    except ValueError as error:
        usage = _USAGE.format(",".join(model.names()))
        print("{}\nlaunch.py: error: {}".format(usage, error), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
