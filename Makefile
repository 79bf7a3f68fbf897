# One command each. `make demo` and `make test` set up what they need; a second time they are fast.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
SOURCES := pyproject.toml constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
UV := $(BIN)/python -m uv pip install --quiet --system-certs --python $(BIN)/python --constraint constraints.txt
# Two processes, each with its own Kafka and MinIO; a file's tests stay together, in the order in which they were found,
# for the browser's must come last (tests/native.py). `make test WORKERS=` runs all in one process.
WORKERS := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test lint bench stack native clean

demo: $(STAMPS)/demo
	$(BIN)/runreel demo $(ARGS)

test: $(STAMPS)/dev native
	$(BIN)/python -m pytest $(WORKERS) $(ARGS)

lint: $(STAMPS)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@command -v npm >/dev/null || { echo "no npm: the pages' modules are not type-checked (apt-get install npm)"; exit 0; }; \
		cd tests/viz_server/js && npm ci --silent --no-audit --no-fund && npm run --silent check

bench: $(STAMPS)/bench native
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

stack: $(STAMPS)/dev native
	$(BIN)/python deploy/native/stack.py up $(ARGS)

# What cannot be had is said by pytest at its end (and is a failure under CI=true), so that the rest is tested anyway.
native:
	-@$(PYTHON) deploy/native/stack.py install --chromium

# uv does in seconds what pip does in a minute; where there is none, or pip alone is told of the index, pip does it.
$(STAMPS)/%: $(SOURCES) | $(BIN)/pip
	$(PIP) uv && $(UV) --editable '.[$*]' || { echo "uv could not, so pip does it"; $(PIP) --editable '.[$*]'; }
	@mkdir -p $(STAMPS) && touch $@

# Debian splits venv off Python: where root, it is installed; else one line says what to install.
$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "runreel needs Python 3.11 or later: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv >/dev/null; \
		else echo "Python's venv is missing: sudo apt-get install python3-venv"; exit 1; fi
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
