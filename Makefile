# make train [MODEL=esmm] [ARGS="--bf16 --steps 500"]    set up, write sample data if there is none, train
# make check                                             set up, run lint and the fast tests
# make test                                              set up, run all tests
# make lint                                              set up, run flake8, mypy, import rules, complexity and hadolint
# make bench [MODEL=esmm] [ARGS="--rows 100000"]         measure input and training speed

MODEL ?= esmm
PYTHON37 := .venv/bin/python

# TensorFlow 1.15's own use of NumPy warns dozens of times at import.
export PYTHONWARNINGS := ignore::FutureWarning

# Folders with a train.py. What MODEL in that file says is read when a recipe runs, after setup.
MODELS := $(patsubst %/train.py,%,$(wildcard */train.py))
field = $(shell $(PYTHON37) -m common.config.model $(MODEL) $(1))
DATA = $(subst .,/,$(call field,data)).py

# About two minutes on two cores.
train: ARGS ?= $(call field,sample_flags)

.PHONY: train check test lint bench setup setup-ci sample known
.DELETE_ON_ERROR:

train: known setup sample
	$(PYTHON37) $(MODEL)/train.py $(ARGS)

test: setup-ci
	$(PYTHON37) -m pytest -n 2 --dist worksteal

check: lint
	$(PYTHON37) -m pytest -n 2 --dist worksteal -m "not slow"

lint: setup-ci
	$(PYTHON37) -m flake8
	$(PYTHON37) -m mypy
	PYTHONPATH=.ci .venv/bin/lint-imports
	@found=$$(.venv/bin/radon cc -s -n C -e "*_test.py" .ci $(MODELS) common data k8s) && \
		test -z "$$found" || { echo "Too complex, at most 10:"; echo "$$found"; exit 1; }
	.venv/bin/hadolint docker/Dockerfile docker/Dockerfile.deeprec

bench: known setup sample
	$(PYTHON37) -m common.benchmark $(MODEL) $(ARGS)

setup:
	@.ci/setup requirements.txt

setup-ci:
	@.ci/setup .ci/requirements.txt

known:
	@test -n "$(filter $(MODEL),$(MODELS))" || { echo "No model '$(MODEL)'. Models: $(MODELS)." >&2; exit 2; }

sample: known setup
	@ls data/$(call field,train_file)* >/dev/null 2>&1 || \
		$(PYTHON37) $(DATA) make $(if $(ROWS),--rows $(ROWS)) --out data
