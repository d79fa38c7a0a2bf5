#!/usr/bin/env bash
# One would guess that a read of an object in S3 tells how many bytes came, as a read of pyarrow's
# local files does. Where an object is replaced by a shorter one after it was opened, S3 answers
# with the bytes that are there, and pyarrow 12.0.1 says that all came that were asked for: read()
# returns that many, readinto() counts that many, and no error is raised. What never came looks
# like content, so a user trains on rows that no file holds. Our product puts a mark where the
# last bytes belong before each read, and ends with an error if it is still there
# (common/places/remote.py).

set -eu
python=${PYTHON:-python3.11}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pyarrow==12.0.1 'numpy<2' 'moto[s3]==4.2.14' \
    'flask<2.3' 'werkzeug<2.3' flask-cors==5.0.0
export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import logging

import pyarrow
import pyarrow.fs
from moto.server import ThreadedMotoServer

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer("127.0.0.1", port=0)
server.start()
port = server._server.server_port
files = pyarrow.fs.S3FileSystem(
    endpoint_override="127.0.0.1:{}".format(port), scheme="http", region="us-east-1",
    allow_bucket_creation=True)
files.create_dir("bucket")


def write(content):
    with files.open_output_stream("bucket/object") as stream:
        stream.write(content)


ASKED = 100000
write(b"A" * ASKED)
opened = files.open_input_file("bucket/object")
write(b"B" * 1000)  # another program replaces the object by a shorter one
buffer = bytearray(b"." * ASKED)
count = opened.get_stream(0, ASKED).readinto(buffer)
content = opened.read(ASKED)
server.stop()

print("pyarrow", pyarrow.__version__)
print("object of {} bytes, replaced by one of 1000 after it was opened".format(ASKED))
print("read({}) returned {} bytes; the first 1000 are right: {}".format(
    ASKED, len(content), content[:1000] == b"B" * 1000))
print("readinto() returned {}; {} bytes of the buffer were written, {} left as they were".format(
    count, buffer.count(b"B"), buffer.count(b".")))
if len(content) != ASKED or count != ASKED or buffer.count(b"B") != 1000:
    raise SystemExit("the behaviour has changed")
print("no error, and no count tells that 99000 bytes never came")
PYTHON
