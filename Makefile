# `make demo` and `make test` do all the set-up in .venv on a fresh machine.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# Two test processes share two cores: one BLAS thread each, or they wait for each other.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: demo test check slow calibrate pages lectures published docs clean

# The checker of web pages for people who cannot see them; from the npm registry.
AXE := $(VENV)/axe/package/axe.min.js

demo: $(VENV)/.demo
	$(BIN)/gandiag demo --out gandiag-demo

# What pytest rewrites is kept for the next run, whatever the environment says.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.test check
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2
	$(BIN)/python -m pytest -m speed -p no:xdist tests

check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

slow: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 -m slow --timeout 7200

calibrate: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m pytest -n 2 -m slow --timeout 7200 tests/calibration

# Report and lab in a headless Chromium, and the paper in LaTeX, where these are there.
pages: $(VENV)/.test $(AXE)
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow --timeout 7200 tests/report tests/lab

# Every command of the page of claims, run, the slow ones as well.
lectures: $(VENV)/.test
	$(BIN)/python docs/make_lectures.py
	$(ONE_THREAD) $(BIN)/python -m pytest -m slow --timeout 7200 tests/lectures

# The site, in build/docs; a warning is an error.
docs: $(VENV)/.docs
	$(ONE_THREAD) $(BIN)/python docs/make_site.py

# Every figure of a paper in its long form, with its page.
published: $(VENV)/.test
	$(ONE_THREAD) $(BIN)/python -m reference_models published --all --out docs/published

$(AXE): $(VENV)/bin/python
	mkdir -p $(VENV)/axe
	cd $(VENV)/axe && npm pack axe-core@4.14.1 && tar xzf axe-core-4.14.1.tgz

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) torch
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(VENV)/.demo
	$(PIP) -e '.[test]'
	touch $@

$(VENV)/.docs: $(VENV)/.demo
	$(PIP) -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist gandiag-demo .pytest_cache .mypy_cache .ruff_cache
