# `make demo` and `make test` set themselves up in .venv; nothing else is touched.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# A Linux machine without a GPU saves gigabytes with TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP_FLAGS := --quiet --disable-pip-version-check -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: help demo test lint format coverage bench scenarios models clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/.train: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	@echo "installing leed-traffic[train] into $(VENV) (about a minute) ..."
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[train]'
	@touch $@

$(VENV)/.dev: $(VENV)/.train
	@echo "installing leed-traffic[dev] into $(VENV) ..."
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[dev]'
	@touch $@

demo: $(VENV)/.train  ## generate, train, export, serve and evaluate on arterial5 (under 5 minutes)
	$(BIN)/leedctl demo

test: $(VENV)/.dev  ## the tests, real SUMO included
	$(BIN)/python -m pytest -m 'not benchmark'

coverage: $(VENV)/.dev  ## the tests with line coverage
	$(BIN)/python -m pytest -m 'not benchmark' --cov --cov-report=term --cov-report=html:out/coverage

lint: $(VENV)/.dev  ## style, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev  ## let ruff arrange the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## measurements: ratios against an anchor in the same run (minutes)
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[bench]'
	$(BIN)/python -m pytest -m benchmark -s tests/benchmarks

scenarios: $(VENV)/.train  ## rebuild the shipped scenarios with SUMO's tools
	for name in crossing arterial5 grid4x4; do $(BIN)/leedctl scenario build $$name; done

models: $(VENV)/.train  ## train the bundles under models/ anew (about half an hour on 2 cores)
	for name in crossing arterial5 grid4x4; do \
	  $(BIN)/leedctl generate $$name --author search --out runs/models/$$name/demonstrations && \
	  $(BIN)/leedctl train $$name --demonstrations runs/models/$$name/demonstrations --episodes 64 --out runs/models/$$name/training && \
	  $(BIN)/leedctl export runs/models/$$name/training --out models/$$name || exit 1; \
	done

clean:  ## remove what make made
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache
