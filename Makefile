# make train [MODEL=esmm] [ARGS="--bf16 --steps 500"]    set up, write sample data if there is none, train
# make test                                              set up, run all tests
# make lint                                              set up, run flake8 and mypy
# make bench [MODEL=esmm]                                measure input and training speed

MODEL ?= esmm
# About two minutes on two cores: two epochs of the sample rows.
ARGS ?= --steps 1954
ROWS ?= 500000
PYTHON37 := .venv/bin/python

# TensorFlow 1.15's own use of NumPy warns dozens of times at import.
export PYTHONWARNINGS := ignore::FutureWarning

DATA_esmm := taobao

.PHONY: train test lint bench setup setup-ci sample
.DELETE_ON_ERROR:

train: setup sample
	$(PYTHON37) $(MODEL)/train.py $(ARGS)

test: setup-ci
	$(PYTHON37) -m pytest

lint: setup-ci
	$(PYTHON37) -m flake8
	$(PYTHON37) -m mypy

bench: setup sample
	$(PYTHON37) -m common.benchmark $(MODEL)

setup:
	@.ci/setup requirements.txt

setup-ci:
	@.ci/setup .ci/requirements.txt

sample: setup
	@test -n "$(DATA_$(MODEL))" || { echo "No model '$(MODEL)'. Models: esmm." >&2; exit 2; }
	@ls data/$(DATA_$(MODEL))_train_data* >/dev/null 2>&1 || \
	    $(PYTHON37) data/$(DATA_$(MODEL)).py make --rows $(ROWS) --seed 1 --out data
