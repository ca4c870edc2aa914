# Two commands do everything, set-up included:  make demo   make test
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: help demo test test-slow lint bench format clean

help:
	@echo "make demo    install and run the main job (examples/darcy.toml): data, training, certificates, report"
	@echo "make test    install and run the tests"
	@echo "make lint    ruff, mypy"
	@echo "make bench   run every benchmark against its peers and rewrite docs/benchmarks.md"
	@echo "make clean   remove the virtual environment and caches"

# The stamps depend on what decides the environment, so that a second call installs nothing.
$(VENV)/run.stamp: setup.cfg pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[operators]"
	touch $@

$(VENV)/dev.stamp: $(VENV)/run.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[operators,dev]"
	touch $@

$(VENV)/bench.stamp: $(VENV)/dev.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[operators,dev,bench]"
	touch $@

demo: $(VENV)/run.stamp
	$(BIN)/nwidth run examples/darcy.toml

# Threads that spin while they wait would slow two test processes on two cores.
test test-slow: export OMP_WAIT_POLICY ?= PASSIVE

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -n 2 -m "not slow" $(PYTEST_ARGUMENTS)

test-slow: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -q -m slow $(PYTEST_ARGUMENTS)

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check nwidth tests examples benchmarks
	$(BIN)/ruff format --check nwidth tests examples benchmarks
	$(BIN)/mypy nwidth

format: $(VENV)/dev.stamp
	$(BIN)/ruff check --fix nwidth tests examples benchmarks
	$(BIN)/ruff format nwidth tests examples benchmarks

bench: $(VENV)/bench.stamp
	$(BIN)/python benchmarks/all.py

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
