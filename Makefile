# Every target makes what it needs: Python >= 3.11 and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
RUN := $(VENV)/.run
DEV := $(VENV)/.dev

.DEFAULT_GOAL := help
.PHONY: help run demo test test-processes torture test-bench check format messages bench requirements dependencies-audit clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: $(RUN) ## start a sandbox server on http://127.0.0.1:8000
	@exec $(BIN)/whipround serve --sandbox

demo: $(RUN) ## play a story over HTTP against a fresh sandbox server, then audit it
	@$(BIN)/python -m bench.demo

# Many of the tests start processes, each of which would compile all that it imports.
test: $(DEV) ## run the tests on a real PostgreSQL
	@$(PYTEST) -m "not processes" --ignore tests/bench/test_run.py

test-processes: $(DEV) ## run the tests that start, stop and kill servers, or make installations
	@$(PYTEST) -m processes --ignore tests/bench/test_run.py

# One more than there are cores, as some always wait: for a deadline, or for who should not come.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest --numprocesses 3 --dist loadfile

torture: $(DEV) ## the long suites, an hour and a half (LENGTH=0.1 a tenth of it, SEED=1 as it was then, ONLY=races)
	@echo "Again as it was now: make torture LENGTH=$(LENGTH) SEED=$(SEED)"
	@$(BIN)/python -m pytest tests/torture $(TORTURE) || $(NONE)
	@$(PYTEST) -m hypothesis --ignore tests/torture $(TORTURE) || $(NONE)

NONE = [ $$? -eq 5 ]
TORTURE = --torture $(LENGTH) --hypothesis-seed $(SEED) -k "$(ONLY)" --timeout 7200
LENGTH ?= 1
SEED := $(or $(SEED),$(shell date +%s))
ONLY ?=

test-bench: $(DEV) ## run the tests of the benchmark itself
	@$(BIN)/python -m pytest tests/bench

check: $(DEV) ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(DEV) ## put the code into its standard form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

messages: $(DEV) ## bring the translations up to the messages that the source has
	@$(BIN)/python -m tests.locales

bench: $(DEV) ## measure the ledger and the API against pgbench (minutes; BENCH_ARGS=--quick for one)
	@$(BIN)/python -m bench $(BENCH_ARGS)

requirements: $(DEV) ## pin the dependencies anew, with hashes
	$(PIP) uv
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml --extra build --extra dev -o requirements/dev.txt
	$(BIN)/uv pip compile $(COMPILE) pyproject.toml --extra build -c requirements/dev.txt -o requirements/run.txt

COMPILE := --quiet --universal --generate-hashes --upgrade --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links --python-version 3.11

dependencies-audit: | $(BIN)/python ## ask PyPI for known weaknesses of the dependencies
	@$(PYTHON) -m venv $(AUDIT)
	@$(AUDIT)/bin/python -m pip --disable-pip-version-check install --quiet pip-audit
	@$(AUDIT)/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements/run.txt

AUDIT := build/audit

clean: ## remove what the targets made, but no data
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "whipround needs Python 3.11 or newer: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(RUN): requirements/run.txt pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) …"
	@$(PIP) --require-hashes -r requirements/run.txt
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements/dev.txt $(RUN)
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@
