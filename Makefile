# On a fresh machine with Python ≥ 3.11: `make demo` or `make test` does everything, set-up included.

PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= test
JOBS ?= 2
BIN := $(VENV)/bin
STAMP = $(VENV)/.installed-$(EXTRAS)
# Exact versions where this Python has a lock; the lower bounds of pyproject.toml elsewhere.
LOCK = .ci/lock-$(shell $(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])').txt
CONSTRAINTS ?= $(wildcard $(LOCK))

.DEFAULT_GOAL := help
.PHONY: help install test test-lowest demo check acceptance bench bench-gpu lock clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "pinnkit needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml $(wildcard .ci/lock-*.txt) | $(BIN)/python
	$(BIN)/python -m pip install --quiet $(addprefix --constraint ,$(CONSTRAINTS)) --editable '.[$(EXTRAS)]'
	@touch $@

install: $(STAMP) ## Create the virtual environment and install into it

test: $(STAMP) ## Run the tests
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist worksteal

test-lowest: ## Run the tests with the oldest versions that pyproject.toml admits
	mkdir -p build && $(PYTHON) .ci/lowest.py > build/lowest.txt
	$(MAKE) test VENV=build/venv-lowest CONSTRAINTS=build/lowest.txt

demo: $(STAMP) ## Solve Burgers and a Poisson problem with holes, and show where the reports lie
	@rm -rf runs/burgers runs/poisson_boltzmann
	$(BIN)/pinnkit solve problems/burgers.yaml --out runs/burgers
	$(BIN)/pinnkit solve problems/poisson_boltzmann.yaml --out runs/poisson_boltzmann
	@echo
	@echo "Open in a browser:"
	@echo "  $(CURDIR)/runs/burgers/report.html"
	@echo "  $(CURDIR)/runs/poisson_boltzmann/report.html"

check: ## Lint, types and the import contract
	@$(MAKE) --no-print-directory install EXTRAS=dev
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/pyright

acceptance: $(STAMP) ## Every gate for three seeds in cold processes; writes docs/benchmarks.md and docs/reference.md
	$(BIN)/python -m tests.benchmarks.acceptance $(ARGS)

bench: $(STAMP) ## Every comparison with peers; parts by ARGS, e.g. ARGS='time_to_error -- --case wave'
	$(BIN)/python -m tests.benchmarks.bench $(ARGS)

bench-gpu: ## Problems of the zoo on a GPU where there is one, in an environment of its own
	@$(MAKE) --no-print-directory install VENV=.venv-gpu EXTRAS=test,cuda
	.venv-gpu/bin/python -m tests.benchmarks.gpu $(ARGS)

lock: ## Write .ci/lock-VERSION.txt from a fresh environment of $(PYTHON)
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --editable '.[dev]'
	build/lock/bin/python .ci/write_lock.py
	rm -rf build/lock

clean: ## Remove environments, caches and runs
	rm -rf $(VENV) .venv-gpu build dist runs .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
