#!/usr/bin/env bash
# One would guess that a process whose limit of open files is far away can talk to S3. pyarrow
# 12.0.1, the newest for Python 3.7, cannot once 1,024 files and connections are open: each request
# then fails with "curlCode: 43, A libcurl function was given a bad argument", counted as a network
# error and retried, though nothing is wrong with the network or the arguments. 26.0.1 can. A user
# whose run holds many part files open is told of a bad network. Our product closes files as it
# goes, and says what is the matter where it still happens (common/places/asking.py).

set -eu
python=${PYTHON:-python3.11}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

try() {  # try PYARROW NUMPY WORDS_OF_THE_LAST_ANSWER
    "$python" -m venv "$folder/$1"
    "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "pyarrow==$1" "numpy$2" \
        'moto[s3]==4.2.14' 'flask<2.3' 'werkzeug<2.3' flask-cors==5.0.0
    "$folder/$1/bin/python" -W ignore "$folder/try.py" "$3"
}

cat > "$folder/try.py" <<'PYTHON'
import contextlib
import logging
import os
import resource
import sys

import pyarrow
import pyarrow.fs
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
limit = hard if 0 < hard < 4096 else 4096
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
server = ThreadedMotoServer("127.0.0.1", port=0)
server.start()


def ask(number_open):
    """What a request says in a process of so many open files."""
    with contextlib.ExitStack() as files:
        for _ in range(number_open):
            files.enter_context(open(os.devnull))
        store = pyarrow.fs.S3FileSystem(
            endpoint_override="127.0.0.1:{}".format(server._server.server_port), scheme="http",
            region="us-east-1", allow_bucket_creation=True)
        try:
            store.create_dir("bucket")
            return "answered: " + store.get_file_info("bucket").type.name
        except OSError as error:
            return str(error)


answers = {number: ask(number) for number in (0, 900, 1024)}
server.stop()
print("pyarrow {}, limit of open files {}".format(pyarrow.__version__, limit))
for number, answer in answers.items():
    print("{:4} open files: {}".format(number, answer))
if not (answers[0] == answers[900] == "answered: Directory" and sys.argv[1] in answers[1024]):
    raise SystemExit("the behaviour has changed")
PYTHON

export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any
try 12.0.1 '<2' 'curlCode: 43'
try 26.0.1 '>=2' 'answered: Directory'
