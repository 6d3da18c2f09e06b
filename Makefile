# What one can do here; `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help up demo test lint lock benchmarks clean reset
.SILENT:

UV_VERSION := 0.13.9
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; \
	done)
BIN := .venv/bin
# Each holds when the environment has what the requirements named.
UV := .venv/uv-$(UV_VERSION)
WEB := .venv/web.installed
DEV := .venv/dev.installed

help: ## List the targets.
	sed -n 's/^\([a-z]*\):.*## /  make \1	/p' $(MAKEFILE_LIST)

up: $(WEB) ## Start everything on this machine and keep it running.
	exec $(BIN)/python manage.py up

demo: $(WEB) ## Start everything, run a sample, check its rows, stop.
	exec $(BIN)/python manage.py up --demo

test: $(DEV) lint ## Check style and types, then run every test.
	exec $(BIN)/python -m pytest --cov --cov-report=term:skip-covered $(ARGS)

lint: $(DEV) ## Check style, types, imports and migrations.
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports --no-cache >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
	$(BIN)/python -W ignore manage.py makemigrations --check --dry-run >.venv/migrations.log 2>&1 || { cat .venv/migrations.log; exit 1; }
	echo "lint: style, types, imports and migrations are in order"

lock: $(UV) ## Pin the requirements anew, from pyproject.toml.
	$(LOCK) pyproject.toml --extra web --extra dev -o requirements-dev.txt
	$(LOCK) pyproject.toml --extra web -c requirements-dev.txt -o requirements.txt
	$(LOCK) pyproject.toml -c requirements-dev.txt -o requirements-worker.txt
LOCK := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

benchmarks: $(DEV) ## Run every benchmark.
	for name in $$($(BIN)/python -c 'from benchmarks.__main__ import names; print(*names())'); do \
	$(BIN)/python -m benchmarks $$name || exit 1; done

clean: ## Remove what was installed and cached; data stay.
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage htmlcov
	find . -name __pycache__ -type d -not -path './node_modules/*' -prune -exec rm -rf {} +

reset: ## Remove the data of `make up`, keys and databases included.
	if [ -x $(BIN)/python ]; then $(BIN)/python -m flowadmin.supervisor reset; else rm -rf .flowadmin; fi

$(UV):
	test -n "$(PYTHON)" || { echo "no Python 3.11 or newer found: install one, or run make PYTHON=/path/to/python"; exit 1; }
	echo "making .venv with $$($(PYTHON) --version)"
	$(PYTHON) -m venv .venv 2>/dev/null || $(PYTHON) -m venv --without-pip .venv
	if [ -x $(BIN)/pip ]; then PIP="$(BIN)/python -m pip"; else PIP="$(PYTHON) -m pip --python $(BIN)/python"; fi; \
	$$PIP install --quiet --disable-pip-version-check uv==$(UV_VERSION) || echo "uv cannot be had here: going on with pip"
	touch $@

$(WEB): requirements.txt | $(UV)
	$(call install,requirements.txt)
	touch $@

$(DEV): requirements-dev.txt | $(UV)
	$(call install,requirements-dev.txt)
	touch $@ $(WEB)

# uv needs seconds where pip needs minutes; what uv cannot do here, pip may.
define install
echo "installing $(1)"
VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --system-certs -r $(1) 2>.venv/uv.log || \
$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $(1) || { cat .venv/uv.log; exit 1; }
endef
