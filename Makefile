PYTHON ?= $(or $(shell command -v python3.11),python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One process more than cores: some tests wait for a server, a signal or a clock.
PROCESSES = $(shell $(PYTHON) -c "import os; print(min(8, (os.cpu_count() or 1) + 1))")
TESTS = $(BIN)/pytest --numprocesses $(PROCESSES) --dist worksteal

.PHONY: setup demo docs notebooks house release-check test coverage smoke check torture trackers paper-quick format benchmark clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "make: $(PYTHON) is no Python 3.11 or newer: name one with PYTHON=..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

# Goes on with a demo that was interrupted; `rm -r runs/demo` starts a new one.
demo: $(READY)
	@if [ -e runs/demo ]; then $(BIN)/cmfq resume runs/demo; else $(BIN)/cmfq train battle \
		--preset strong --algorithm cmfq --size 64 --episodes 120 --run runs/demo; fi
	@$(BIN)/cmfq report runs/demo --against random rush focus

# The documentation site, in build/docs; a warning is an error, and so is what keeps out who reads
# by keyboard or by ear.
docs: $(VENV)/.docs
	rm -rf build/docs
	$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html docs build/docs
	$(TESTS) -q tests/docs/built_site.py
	@echo build/docs/index.html

$(VENV)/.docs: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,docs]'
	@touch $@

# The notebooks of the documentation again, with their outputs: some minutes.
notebooks: $(READY)
	$(BIN)/python scripts/notebooks.py

# What is missing before a release.
release-check: $(READY)
	$(BIN)/python scripts/release_check.py

# Sizes of rooms, arrows between them, copies, and what an addition costs.
house:
	@$(PYTHON) scripts/house.py

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	DENO_NO_UPDATE_CHECK=1 $(BIN)/deno check --quiet --no-remote --no-lock \
		--config scripts/page-types.json src/cmfq/recordings/viewer/*.js

# What differs first between versions of Python: the mathematics, settings, text, pages.
smoke: $(READY)
	$(BIN)/pytest -p no:cacheprovider tests/mean_field tests/environments/test_settings.py tests/statistics \
		tests/test_networks.py tests/test_text.py tests/test_outputs.py tests/test_help.py

test: check
	$(TESTS)

# The same with line and branch coverage, which takes half as long again.
coverage: $(READY)
	$(TESTS) --cov --cov-report=term:skip-covered

# Kills and failing disks at every file operation, mutated files, bad command lines: some minutes.
torture: $(READY)
	$(BIN)/python tests/torture

# Weights & Biases and MLflow as they are, offline. They are large, so `make test` does without.
trackers: $(VENV)/.trackers
	$(BIN)/pytest tests/training/offline_trackers.py

$(VENV)/.trackers: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,wandb,mlflow]'
	@touch $@

# Every figure and table of the paper from small runs, end to end: two minutes, and no evidence.
paper-quick: $(READY)
	rm -rf build/paper-quick
	mkdir -p build
	$(BIN)/cmfq paper all --quick --seeds 2 --workers 2 --out build

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

benchmark: $(READY)
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/adapter.py
	$(BIN)/python benchmarks/own_environment.py
	$(BIN)/python benchmarks/acting.py
	$(BIN)/python benchmarks/learning.py
	$(BIN)/python benchmarks/particles.py
	$(BIN)/python benchmarks/tournament.py
	$(BIN)/python benchmarks/many_worlds.py
	$(BIN)/python benchmarks/arithmetic.py

clean:
	rm -rf $(VENV) build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
