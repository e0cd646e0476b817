# make run    replays a real sensor through a network that learns as it goes
# make test   runs the tests
# make check  runs the linters and the type checker
# Each makes what it needs in .venv first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check clean

run: $(VENV)/project
	$(BIN)/python examples/water_flow.py

test: $(VENV)/tests
	$(BIN)/python -m pytest --ignore tests/kafka --numprocesses 2 --dist loadfile
	$(BIN)/python -m pytest tests/kafka

check: $(VENV)/check
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:
	rm -rf $(VENV) out

$(VENV)/project: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

$(VENV)/tests: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group test
	touch $@

$(VENV)/check: $(VENV)/project
	$(BIN)/python -m pip install --quiet --group check
	touch $@
