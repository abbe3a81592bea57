# make all: set up and run the default preset. make test: set up and run the quick tests; test-all: all.
PYTHON ?= python3
UV_VERSION := 0.13.9
CORES ?= 8
SNAKEMAKE_ARGS ?=
UPGRADE ?=
PYTEST := OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile
export PATH := $(CURDIR)/.venv/bin:$(PATH)
INSTALLED := .venv/installed

.PHONY: all test test-all lint estimate record pulled site studies audit lock clean

all: $(INSTALLED)
	snakemake --cores $(CORES) all $(SNAKEMAKE_ARGS)
	@snakemake --cores 1 show --quiet all $(SNAKEMAKE_ARGS)

test: $(INSTALLED)
	$(PYTEST) -m "not pipeline"

# With those that run the pipeline end to end through real engines.
test-all: $(INSTALLED)
	$(PYTEST)

lint: $(INSTALLED)
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

estimate: $(INSTALLED)
	python -m benchmarks.estimate

record: $(INSTALLED)
	python -m workflow.record

# After `dvc pull`: results are in place, and neither engine has anything to do.
pulled: $(INSTALLED)
	python -m workflow.pulled

# The pages of docs/ as a site in docs/_build, without a network; a warning is an error.
site: $(INSTALLED)
	python -m sphinx -q -W --keep-going docs docs/_build

studies: $(INSTALLED)
	python -m workflow.study estimate

# Known vulnerabilities of the locked packages; asks the package index and OSV.
audit: $(INSTALLED)
	uvx "pip-audit==2.10.1" --strict --require-hashes --disable-pip --requirement requirements.lock

# UPGRADE="--upgrade-package torch" or UPGRADE=--upgrade; without it the pins stay.
lock: $(INSTALLED)
	uv pip compile $(UPGRADE) --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .snakemake

# Compiled at once: importing torch from source text costs each of the hundred jobs two seconds.
$(INSTALLED): requirements.lock
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and 'Python 3.11 to 3.13 is needed')"
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet "uv==$(UV_VERSION)"
	.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --compile-bytecode \
	  --requirements requirements.lock
	touch $@
