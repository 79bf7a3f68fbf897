# One command each. `make demo` and `make test` set up what they need; a second time they are fast.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
SOURCES := pyproject.toml constraints.txt
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test lint bench stack native clean

demo: $(STAMPS)/demo
	$(BIN)/runreel demo $(ARGS)

test: $(STAMPS)/dev native
	$(BIN)/python -m pytest $(ARGS)

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

$(STAMPS)/%: $(SOURCES) | $(VENV)
	$(PIP) --editable '.[$*]'
	@mkdir -p $(STAMPS) && touch $@

# Debian splits venv off Python: where root, it is installed; else one line says what to install.
$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "runreel needs Python 3.11 or later: set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
		if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
		else echo "Python's venv is missing: sudo apt-get install python3-venv"; exit 1; fi
	$(PYTHON) -m venv $(VENV)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache
