# make repro   set up .venv, then the whole pipeline on built-in clips
# make test    set up .venv, then the tests, one whole dvc repro among them
# make test-slow  the rest: kills, clusters, remotes, every benchmark's layout
# make bench   measures ours against references, side by side
# make gc      removes unneeded files of the state folder (GC_FLAGS=--dry-run: only lists them)
# make ui      MLflow: prints the address of the runs
# make page    a page in the browser to teach, recognise and find actions (PAGE_FLAGS=--help)
#
# TORCH_INDEX=URL takes torch from another package index, for example that of the CPU-only builds.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
TORCH_INDEX ?=
GC_FLAGS ?=
PORT ?= 5000
PAGE_FLAGS ?=
BIN := $(CURDIR)/.venv/bin
# Two processes; the tests of a file stay in one, and share what it makes.
PYTEST := python -m pytest -n 2 --dist loadfile

export PATH := $(BIN):$(PATH)
export CLIP_SPM_STATE ?= $(CURDIR)/.state
export DVC_NO_ANALYTICS := 1
# Whatever the locale is; and DVC wants a name and a home, which a container's user may lack.
export PYTHONUTF8 := 1
export USER ?= $(shell id -u)
export HOME ?= /tmp

.PHONY: repro test test-slow lint bench ui page lock gc

repro: .venv/installed
	CLIP_SPM_TABLE=later dvc repro
	@python -m spm.results.accuracy_table data/results/evaluate.json

test: .venv/installed
	$(PYTEST) -m "not slow"

test-slow: .venv/installed
	$(PYTEST) -m slow

lint: .venv/installed
	ruff check .
	ruff format --check .
	mypy

bench: .venv/installed
	python -m bench

ui: .venv/installed
	python -m stages.commands.ui --port $(PORT)

page: .venv/installed
	clip-spm page $(PAGE_FLAGS)

gc: .venv/installed
	python -m stages.commands.gc $(GC_FLAGS)

# CUDA's own packages are left out: torch pins those that it needs, a CPU-only torch needs none.
# So are markers that hold wherever the project runs.
lock: .venv/installed
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 \
	  --no-header --no-annotate --quiet --output-file requirements.lock $(LOCK_FLAGS)
	sed -i -E -e '/^(nvidia|cuda|triton)/d' -e "s/ python_full_version < '3.14' and//" \
	  -e "s/ (;|and) sys_platform == 'linux'//g" requirements.lock
	sed -i '1i # Every package at the version that the project was tested with, on Linux, Python 3.11 to 3.13.\n# `make lock` writes it (LOCK_FLAGS=--upgrade: with newer versions).' requirements.lock

# .venv keeps its Python, and a torch of another index, when the lock changes. It is made anew where
# another Python is asked for.
VENV_PYTHON := $(shell $(BIN)/python --version 2>/dev/null)
NEW_VENV := $(if $(VENV_PYTHON),,yes)
ifneq ($(filter command environment,$(firstword $(origin PYTHON))),)
ifneq ($(shell $(PYTHON) --version),$(VENV_PYTHON))
NEW_VENV := yes
endif
endif
FORCE:

.venv/installed: requirements.lock pyproject.toml $(if $(NEW_VENV),FORCE)
ifneq ($(NEW_VENV),)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; make PYTHON=/path/to/python3.13 ..."; exit 1; }
	$(PYTHON) -m venv --clear .venv
endif
	$(if $(TORCH_INDEX),pip install --index-url $(TORCH_INDEX) \
	  $$(grep -E '^(torch|torchvision)==' requirements.lock),)
	pip install -r requirements.lock
	pip install --no-deps --no-build-isolation -e .
	touch $@
