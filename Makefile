# make train [MODEL=esmm] [ARGS="--bf16 --steps 500"]    set up, write sample data if there is none, train
# make test                                              set up, run all tests
# make lint                                              set up, run flake8, mypy and hadolint
# make bench [MODEL=esmm] [ARGS="--rows 100000"]         measure input and training speed

MODEL ?= esmm
PYTHON37 := .venv/bin/python

# TensorFlow 1.15's own use of NumPy warns dozens of times at import.
export PYTHONWARNINGS := ignore::FutureWarning

DATA_esmm := taobao
DATA_mmoe := taobao
DATA_ple := taobao
DATA_din := amazon
DATA_dlrm := eleme
DATA := $(DATA_$(MODEL))
FILE_taobao := taobao_train_data
FILE_amazon := local_train_splitByUser
FILE_eleme := train.csv

# About two minutes on two cores. DIN and DLRM train their documented one epoch.
ARGS_esmm := --steps 1954
ARGS_mmoe := --steps 977
ARGS_ple := --steps 977
train: ARGS ?= $(ARGS_$(MODEL))

.PHONY: train test lint bench setup setup-ci sample known
.DELETE_ON_ERROR:

train: known setup sample
	$(PYTHON37) $(MODEL)/train.py $(ARGS)

test: setup-ci
	$(PYTHON37) -m pytest -n 2 --dist loadfile

lint: setup-ci
	$(PYTHON37) -m flake8
	$(PYTHON37) -m mypy
	PYTHONPATH=.ci .venv/bin/lint-imports
	.venv/bin/hadolint docker/Dockerfile docker/Dockerfile.deeprec

bench: known setup sample
	$(PYTHON37) -m common.benchmark $(MODEL) $(ARGS)

setup:
	@.ci/setup requirements.txt

setup-ci:
	@.ci/setup .ci/requirements.txt

known:
	@test -n "$(DATA)" || { echo "No model '$(MODEL)'. Models: esmm, mmoe, ple, din, dlrm." >&2; exit 2; }

sample: known setup
	@ls data/$(FILE_$(DATA))* >/dev/null 2>&1 || $(PYTHON37) data/$(DATA).py make $(if $(ROWS),--rows $(ROWS)) --out data
