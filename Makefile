PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test static lint types contracts unit soak hashes lowest clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed, $(PYTHON) is $$($(PYTHON) -V 2>&1); use 'make PYTHON=python3.11'"; exit 2; }
	@command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || \
		{ echo "error: no C++ compiler found, hnswlib is built from source; install g++ (Debian: apt install g++) or Xcode's command line tools"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile -c constraints.txt -e '.[dev]'
	@$(BIN)/python -m compileall -qq -j 0 $(VENV) || true  # by all cores; pip compiles by one
	@touch $(STAMP)

demo: install
	$(BIN)/sracl demo

# What reads the code alone beside the tests: mypy keeps one core busy for a minute or two.
test: install
	@$(MAKE) --no-print-directory -j 2 static unit

static: lint types contracts

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy
	$(BIN)/mypy --explicit-package-bases benchmarks

contracts: install
	$(BIN)/lint-imports

# One more than there are cores: some tests wait for a screen or a process.
JOBS ?= $(shell $(PYTHON) -c 'import os; print(min(6, (os.cpu_count() or 1) + 1))')
unit: install
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

# What takes too long for every test run, some hours; the figures go into benchmarks/results/reliability.json.
# Less of it: make soak KILLS=50 MINUTES=5
KILLS ?= 500
MUTATIONS ?= 1000
LINES ?= 20000
MINUTES ?= 60
SEED ?= $(shell date +%s)
soak: install
	SRACL_SOAK_KILLS=$(KILLS) SRACL_SOAK_WRITES=1000 SRACL_SOAK_TWICE=10 SRACL_SOAK_MUTATIONS=$(MUTATIONS) \
	SRACL_SOAK_LINES=$(LINES) SRACL_SOAK_MINUTES=$(MINUTES) SRACL_SOAK_SEED=$(SEED) \
	$(BIN)/python -m pytest --timeout 36000 tests/reliability tests/explorer/test_explore_lines.py
	$(BIN)/python benchmarks/reliability.py

# After a change of constraints.txt or pyproject.toml; asks the index for hashes and downloads nothing.
hashes: $(BIN)/uv
	$(BIN)/uv pip compile -q pyproject.toml --all-extras -c constraints.txt --generate-hashes --universal \
		--python-version 3.11 --no-annotate --no-header -o requirements-hashed.txt

# The lowest versions that pyproject.toml states, all of them together, in an environment of their own.
lowest: $(BIN)/uv
	$(BIN)/uv venv -q --allow-existing .venv-lowest
	$(BIN)/uv pip install -q --python .venv-lowest/bin/python --resolution lowest-direct -e '.[dev,llm,web]'
	.venv-lowest/bin/python -m pytest -x tests/cli/test_main.py tests/cli/test_end_to_end.py \
		tests/data/test_prepare.py tests/semantics/test_llm_describe.py tests/tui/test_data_screen.py tests/tui/test_web.py

$(BIN)/uv: $(STAMP)
	$(BIN)/python -m pip install --quiet uv

clean:
	rm -rf $(VENV) .venv-lowest build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
