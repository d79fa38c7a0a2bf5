#!/usr/bin/env bash
# One would guess that the order of two imports changes nothing. Where tensorflow 1.15.5 is imported
# before pyarrow 12.0.1, making a GcsFileSystem ends the process with SIGSEGV, before any request;
# the other way round both work, also together. TensorFlow's package loads its library with
# RTLD_GLOBAL, so that its C++ symbols also serve what is loaded later. A user of gs:// loses the
# process without a word; S3 is not concerned. Our product imports pyarrow first
# (common/__init__.py), and refuses gs:// in words in a program that did not (common/places/stores.py).

set -eu
python=${PYTHON:-python3.7}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$python" -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check \
    tensorflow==1.15.5 protobuf==3.20.3 h5py==2.10.0 numpy==1.18.5 pyarrow==12.0.1 2>/dev/null

try() {  # try IMPORTS EXPECTED_STATUS
    local status=0
    "$folder/env/bin/python" -W ignore -c "$1
pyarrow.fs.GcsFileSystem(anonymous=True, endpoint_override='127.0.0.1:9', scheme='http')
print('made by pyarrow', pyarrow.__version__, 'beside tensorflow', tensorflow.__version__)
" 2>/dev/null || status=$?
    echo "$1: status $status"
    [ "$status" = "$2" ] || { echo "the behaviour has changed"; exit 1; }
}

try 'import pyarrow.fs, tensorflow' 0
try 'import tensorflow, pyarrow.fs' 139
