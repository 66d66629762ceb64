# make demo: the main job on the sample town. make test: the tests. Each sets up what it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench bench-long samples clean

demo: $(READY)
	$(BIN)/geounet demo --out demo --overwrite

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=benchmarks $(BIN)/mypy $(wildcard benchmarks/*.py)
	$(BIN)/python -m pytest -q tests/test_layers.py

# long ones, with a network of 31 million weights, for themselves
LONG := $(wildcard benchmarks/bench_long_*.py)
SHORT := $(filter-out $(LONG),$(wildcard benchmarks/bench_*.py))

bench: $(READY)
	for script in $(SHORT); do $(BIN)/python $$script || exit 1; done

bench-long: $(READY)
	for script in $(LONG); do $(BIN)/python $$script || exit 1; done

samples: $(READY)
	$(BIN)/python -m sample_tiles.generator

# every version comes from constraints.txt, that of the build tools too, and all are wheels
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check --only-binary :all: -e '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
