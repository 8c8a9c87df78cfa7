.DEFAULT_GOAL := help
.PHONY: help demo deploy test check benchmark obstacles tries pictures test-system lock clean
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
# The first Python on PATH that is new enough; PYTHON=… overrides it.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

help:  ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "The runbook needs Python 3.11 or newer; none was found on PATH. Install it, or name it: make demo PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "The runbook needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1)." >&2; exit 1; }
	@echo "• Making a virtual environment in $(VENV) with $$($(PYTHON) -V)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "• Installing the locked packages (a minute or two the first time)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "• Installing the locked packages of the tests"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.run  ## Roll a seeded database back on an embedded PostgreSQL, from plan to report
	@$(BIN)/rollback demo

deploy: $(VENV)/.run  ## Register prefect.yaml at the Prefect server of PREFECT_API_URL; only what differs is changed
	@$(BIN)/python -m deployments.deploy

test: $(VENV)/.dev  ## Run all tests (what is not installed is skipped with its reason; never in CI)
	@echo "• Testing; real servers are started and stopped as needed"
	@# Two more than there are cores: many tests wait for servers. In the files' order: those that take longest come first.
	@$(BIN)/pytest -n $$($(BIN)/python -c 'import os; print((os.cpu_count() or 1) + 2)') --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev  ## Lint, types, import rules and unit tests, in under a minute
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/pytest -q tests/unit tests/rules

benchmark: $(VENV)/.run  ## Measure the outage, by hand and with the runbook (25 minutes; as root with copy-on-write)
	@$(BIN)/python -m benchmarks

obstacles: $(VENV)/.dev  ## Try all that teams add to a database, alone and 300 times combined, and write docs/obstacles.md (30 minutes)
	@$(BIN)/python -m tests.make_obstacles --combinations 300

tries: $(VENV)/.dev  ## Try all attacks that tests make, and write docs/security-tries.md (ten minutes)
	@$(BIN)/python -m tests.make_tries --pg 16,18

pictures: $(VENV)/.dev  ## Make the documents' pictures of Prefect's pages by driving a browser (chromium; two minutes)
	@$(BIN)/python -m tests.make_pictures

test-system:  ## Install what the tests need from Debian (as root)
	@bash tests/system.sh

lock: $(VENV)/.dev  ## Resolve the versions anew and write the lock files
	@[ -x $(UV) ] || { $(PYTHON) -m venv $(VENV)/uv && $(VENV)/uv/bin/pip install --quiet uv; }
	@bash -c 'c="$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate pyproject.toml"; \
	  $$c --extra demo --group build --group dev -o requirements-dev.lock && $$c --extra demo --group build --constraint requirements-dev.lock -o requirements.lock'

clean:  ## Remove the virtual environment and what the demo left
	@rm -rf $(VENV) .demo
