# make run    replays a real sensor through a network that learns as it goes
# make test   runs all tests
# make quick  runs the tests that need neither a broker nor much time: for daily work
# make check  runs the linter and the type checker
# Each installs what it needs in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PARALLEL := --dist loadfile --numprocesses

.PHONY: run test quick check clean

run: $(VENV)/project
	$(BIN)/python examples/water_flow.py

test: $(VENV)/tests
	$(BIN)/python -m pytest $(PARALLEL) 3

quick: $(VENV)/tests
	$(BIN)/python -m pytest -m "not slow" --ignore tests/kafka $(PARALLEL) 2

check: $(VENV)/check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:
	rm -rf $(VENV) out

$(VENV)/project: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable ".[all]"
	touch $@

$(VENV)/tests: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/check: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group check
	touch $@
