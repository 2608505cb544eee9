# Two commands: `make demo` and `make test`. Both make .venv first if it is not there.
#
#   DEMO_PEOPLE=20000   people in the demo's synthetic world
#   DEMO_SERVE=1        0 stops before serving
#   DEMO_PORT=8080      port of the service (the next free one is taken if it is busy)
#   PYTHON=python3      the interpreter that .venv is made from (3.11 or newer)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SPARK := .spark
READY := $(VENV)/.ready
DEMO_PEOPLE ?= 20000
DEMO_SERVE ?= 1
DEMO_PORT ?= 8080

.DEFAULT_GOAL := help
.PHONY: help demo test test-spark lint types imports browser bench lock clean install

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(READY) ## .venv with the locked dependencies and the front-end assets

# uv reads the same hashed lock as pip and lays the packages down in seconds. Where it cannot reach
# the package index (it does not read pip's configuration), pip does the same, and says so.
$(READY): requirements.lock requirements-bootstrap.lock pyproject.toml serving/screens/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Signpost needs Python 3.11 or newer; name one with make PYTHON=…" >&2; exit 2; }
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing the locked dependencies"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock \
	  || { echo "uv could not install; installing with pip instead (slower)"; \
	       $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m serving.screens.assets
	@touch $@

demo: $(READY) ## a synthetic world, models, audit, gate, store and service
	@$(BIN)/python -m signpost demo --people $(DEMO_PEOPLE) --port $(DEMO_PORT) $(if $(filter 0,$(DEMO_SERVE)),--no-serve,--serve)

test: $(READY) lint types imports browser ## lint, types, import rules and the test suite
	@OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 POLARS_MAX_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

# PySpark (400 MB to download) is installed next to the environment, from its own lock file. Only this job uses it.
test-spark: $(SPARK)/.ready ## the engine tests on PySpark (needs Java 17 or newer)
	@java -version 2>/dev/null || { echo "The Spark tests need Java 17 or newer, and java was not found." >&2; exit 2; }
	@PYTHONPATH=$(SPARK) $(BIN)/python -m pytest -m spark tests/features tests/training/scorecard $(PYTEST_ARGS)

$(SPARK)/.ready: requirements-spark.lock | $(READY)
	@echo "Installing PySpark into $(SPARK)"
	@rm -rf $(SPARK)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --target $(SPARK) --no-deps --no-build-isolation --require-hashes \
	  -r requirements-spark.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(SPARK) --no-deps --no-build-isolation \
	  --require-hashes -r requirements-spark.lock
	@touch $@

lint: $(READY) ## ruff, the linter and the formatter
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && echo "ruff: clean"

types: $(READY) ## mypy --strict
	@$(BIN)/mypy --no-error-summary && echo "mypy: clean"

imports: $(READY) ## imports run downwards only
	@$(BIN)/lint-imports --no-logo

# The browser tests want a Chromium. Debian's is installed where that is possible (root, apt-get);
# elsewhere the suite says that it leaves them out. Under CI their absence is an error.
browser: $(READY)
	@$(BIN)/python tests/browser.py

# Each takes a size that fits an hour in all; its first lines name the command for the size its target is stated for.
BENCHES := catalogue_evaluation synthetic_scale check_scale features_speed scorecard_speed scorecard_no_loss heads_targets \
  heads_shifted flags_national benefit_value suggest_national fairness_audit fairness_planted serving_latency

bench: $(READY) ## speed, memory and model quality, as ratios side by side in one run (BENCHES="..." for some of them)
	@for name in $(BENCHES); do echo "== benchmarks/$$name.py"; $(BIN)/python benchmarks/$$name.py || exit 1; done

lock: ## resolve the dependencies again into the hashed lock files (names no index address)
	@$(BIN)/uv pip compile pyproject.toml --extra train --extra audit --extra postgres --extra otel --extra dev --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements.lock
	@echo uv | $(BIN)/uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-annotate --no-header --quiet --upgrade -o requirements-bootstrap.lock
	@echo 'pyspark>=4' | $(BIN)/uv pip compile - --constraints requirements.lock --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements-spark.lock

clean: ## remove what the demo made; .venv stays
	@rm -rf .demo
