# make repro   set up .venv, then the whole pipeline on the built-in data set
# make test    set up .venv, then the tests, one whole dvc repro among them
# make test-slow  the rest: kills, clusters, remotes, every benchmark's layout
# make bench   measures ours against references, side by side
# make gc      frees what the current results do not need
# make ui      MLflow: prints the address of the runs
#
# TORCH_INDEX=URL takes torch from another package index, for example that of the CPU-only builds.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH_INDEX ?=
PORT ?= 5000
BIN := $(CURDIR)/.venv/bin

export PATH := $(BIN):$(PATH)
export CLIP_SPM_STATE ?= $(CURDIR)/.state
export DVC_NO_ANALYTICS := 1

.PHONY: repro test test-slow lint bench ui lock gc

repro: .venv/installed
	dvc repro
	@python -m spm.accuracy_table data/results/evaluate.json

test: .venv/installed
	python -m pytest -m "not slow"

test-slow: .venv/installed
	python -m pytest -m slow

lint: .venv/installed
	ruff check .
	ruff format --check .
	mypy

bench: .venv/installed
	python -m bench

ui: .venv/installed
	python -m stages.ui --port $(PORT)

gc: .venv/installed
	python -m stages.gc

lock: .venv/installed
	{ sed -n '/^#/p' requirements.lock; \
	  pip freeze --all --exclude-editable --exclude pip | sed 's/+cpu$$//' | grep -viE '^(nvidia|cuda|triton)'; } > requirements.lock.new
	mv requirements.lock.new requirements.lock

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "Python 3.11 is needed; make PYTHON=/path/to/python3.11 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(if $(TORCH_INDEX),pip install --index-url $(TORCH_INDEX) \
	  $$(grep -E '^(torch|torchvision)==' requirements.lock),)
	pip install -r requirements.lock
	pip install --no-deps --no-build-isolation -e .
	touch $@
