PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: run test lint bench soak crash simulate fuzz pictures setup lock clean
.DEFAULT_GOAL := run

run: setup            ## the product with a live demonstration, on http://127.0.0.1:8470
	$(BIN)/upheld demo

test: setup           ## every test; what needs a server that is not here is skipped, with its reason
	$(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lint: setup           ## formatting, style, types, and the direction of imports
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup          ## the speed bars, all or ONLY=B1: a table, and exit status 1 where one falls short
	$(BIN)/python -m bench $(ONLY)

soak: setup           ## the server under a steady load for MINUTES (60): exit status 1 where its memory grows
	$(BIN)/python -m bench.soak $(or $(MINUTES),60)

crash: setup          ## the server killed N times (20) at random instants: nothing acknowledged is lost or counted twice
	cd tests && ../$(BIN)/python -m crash $(or $(N),20) --seed $(or $(SEED),1)

simulate: setup       ## DAYS (7) of a provider with faults, from SEED (1), and what an auditor finds wrong in the end
	cd tests && ../$(BIN)/python -m simulation --days $(or $(DAYS),7) --seed $(or $(SEED),1)

fuzz: setup           ## N hostile inputs (100,000) to the decoders of network bytes; ONLY=otlp for one, SEED for others
	cd tests && ../$(BIN)/python -m fuzz $(or $(N),100000) --seed $(or $(SEED),1) $(if $(ONLY),--only $(ONLY))

pictures: setup       ## every notice as its mail looks, in DIR (var/pictures): a contact sheet of each kind, or ONLY=violation
	cd tests && ../$(BIN)/python -m golden.pictures $(abspath $(or $(DIR),var/pictures)) $(if $(ONLY),--only $(ONLY))

setup: $(READY)       ## the environment in .venv, exactly as requirements.lock has it

$(READY): requirements.lock provider-mails.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Upheld needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip sync --quiet --python $(BIN)/python requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	$(PYTHON) -m venv .venv/provider-mails
	$(BIN)/uv pip sync --quiet --python .venv/provider-mails/bin/python provider-mails.lock
	@touch $@

lock:                 ## requirements.lock from pyproject.toml; UPGRADE=--upgrade takes the newest of everything
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 $(UPGRADE) \
		--all-extras --group dev pyproject.toml --output-file requirements.lock
	printf '%s\n' circuit-maintenance-parser openpyxl pandas | $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		$(UPGRADE) --no-header - --output-file provider-mails.lock

clean:
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
