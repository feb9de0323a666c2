# camfan: `make demo` to see it, `make test` to check it. Both need Python 3.11 or newer, nothing else.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
NPM_STAMP := tests/javascript/node_modules/.package-lock.json

.PHONY: help demo test test-long cases lint lint-js npm-packages types imports check-format format pictures bench rtsp-ages soak fuzz faults clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

demo: $(VENV)/.demo  ## two cameras, a recorder, motion and a viewer; VIDEO=file for a scene of your own
	@$(BIN)/camfan demo $(if $(VIDEO),--video "$(VIDEO)")

test: $(VENV)/.dev lint check-format types imports npm-packages  ## everything that CI runs; VIDEO=file tries that file too
	$(BIN)/python -m pytest -n 4 $(PYTEST)

test-long: $(VENV)/.dev  ## outages, browsers, a kernel, ten thousand connections: 10 minutes and more
	$(BIN)/python -m pytest -n 2 -m long $(PYTEST)

cases: $(VENV)/.dev  ## run the situations of ../shared/cases; NAME=07 for some
	@$(BIN)/python tests/cases/run_cases.py $(NAME)

lint: $(VENV)/.dev
	$(BIN)/ruff check

lint-js: $(VENV)/.dev npm-packages  ## check the pages' JavaScript: format, lint, types, unit tests
	$(BIN)/python -m pytest -q tests/javascript

# Tools only: the pages load none of it. Without npm the tests of JavaScript are skipped.
npm-packages:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(NPM_STAMP); \
	else echo "npm is not installed: the JavaScript of the pages is not checked"; fi

$(NPM_STAMP): tests/javascript/package-lock.json
	@npm ci --prefix tests/javascript --no-audit --no-fund --silent \
	|| echo "npm cannot install its packages: the JavaScript of the pages is not checked" >&2

check-format: $(VENV)/.dev
	$(BIN)/ruff format --check

format: $(VENV)/.dev  ## put the code in its usual form
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	@if [ -e $(NPM_STAMP) ]; then npm run --prefix tests/javascript --silent format; fi

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/mypy tests
	$(BIN)/mypy deploy

imports: $(VENV)/.dev
	$(BIN)/lint-imports
	@$(BIN)/python tests/house/import_graph.py

pictures: $(VENV)/.dev  ## make the pictures of the README again
	$(BIN)/python docs/make_pictures.py

bench: $(VENV)/.bench  ## measure it beside zmq.proxy and others, 10 minutes; NAME='fanout/*' for some
	@$(BIN)/python tests/bench $(if $(NAME),'$(NAME)',--docs docs/benchmarks) $(BENCH)

rtsp-ages: $(VENV)/.dev  ## true and said ages of RTSP pictures, 10 minutes; writes docs/benchmarks/rtsp.md
	@$(BIN)/python tests/bench/rtsp_ages.py --output docs/benchmarks/rtsp.md

soak: $(VENV)/.dev  ## a large site for MINUTES=10, then sixteen stopped readers: memory flat, accounts add up
	@$(BIN)/python tests/bench/soak.py --minutes $(or $(MINUTES),10)
	@$(BIN)/python tests/bench/stopped.py --minutes $(or $(MINUTES),5)

fuzz: $(VENV)/.fuzz  ## feed PARSER=frame, control or site with RUNS=100000 made-up inputs
	$(BIN)/python tests/fuzz/fuzz.py $(or $(PARSER),frame) -runs=$(or $(RUNS),100000) $(FUZZ)

faults: $(VENV)/.dev  ## break a running site in every way, 10 minutes; FAULTS='--kills 20' for one
	@$(BIN)/python tests/faults/break_site.py $(FAULTS)

clean:  ## remove what was made here
	rm -rf $(VENV) .demo dist build

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("camfan needs Python 3.11 or newer; this is %s. Try: make PYTHON=python3.11" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV) || { echo "Python cannot make a virtual environment here. On Debian: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }

# pip 25.1 is the first that knows dependency groups.
$(VENV)/.demo: $(BIN)/python pyproject.toml
	@echo "Installing camfan and what it needs into $(VENV); about 400 MB, once."
	@$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --editable '.[all]'
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --group fuzz
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	@$(BIN)/python -m pip install --quiet --group dev
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	@$(BIN)/python -m pip install --quiet --group bench
	@touch $@
