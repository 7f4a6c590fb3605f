# The six commands of the house. Each says what it needs; `make` alone lists them.

PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
ARGS ?=
# Files that are tested at a time; each has a broker and a browser of its own.
WORKERS ?= 2
# The suite starts hundreds of processes; without bytecode each of them compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install demo test lint bench clean lock pictures python tools

help:
	@echo "make install   everything into .venv (Python 3.11 or later; nothing outside this folder changes)"
	@echo "make demo      real training runs, then the live dashboard; prints its address"
	@echo "make test      lint, types and the whole suite: needs a JDK (17 or later), Maven and Chromium (ARGS=tests/test_x.py for a part)"
	@echo "make lint      ruff and mypy --strict"
	@echo "make bench     the figures, at most 20 minutes"
	@echo "make clean     remove .venv, what was built and the demo's home; never your own runs"

install: $(INSTALLED)

# The second pip call runs hatch_build.py, which brings uPlot from npm.
$(INSTALLED): requirements.lock pyproject.toml hatch_build.py dashboard/package-lock.json | python
	@echo "Installing into .venv, once: this takes a few minutes, and pip is silent meanwhile."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "runstream needs Python 3.11 or later, and '$(PYTHON)' is not that."; \
	  echo "Debian and Ubuntu: apt-get install python3 python3-venv. Another one: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments: apt-get install python3-venv"; exit 1; }

# What the tests run beside Python: git, real Kafka as Java from Maven, and real Chromium to look at pages in.
# RUNSTREAM_TEST_SKIP=kafka,browser leaves tests out, and the suite's last lines list them.
tools:
	@missing=; skip=",$(RUNSTREAM_TEST_SKIP),"; \
	command -v git >/dev/null || missing="$$missing git(git)"; \
	case "$$skip" in *,kafka,*) ;; *) \
	  command -v javac >/dev/null || missing="$$missing javac(default-jdk-headless)"; \
	  command -v mvn >/dev/null || missing="$$missing mvn(maven)";; esac; \
	case "$$skip" in *,browser,*) ;; *) \
	  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null \
	    || missing="$$missing chromium(chromium)";; esac; \
	test -z "$$missing" || { \
	  echo "The whole suite needs what is missing here, as command(Debian package):$$missing"; \
	  echo "Install it: apt-get install $$(echo "$$missing" | sed 's/[a-z]*(\([^)]*\))/\1/g')"; \
	  echo "or leave tests of Kafka and of pages out by name: RUNSTREAM_TEST_SKIP=kafka,browser make test"; exit 1; }

demo: install
	$(BIN)/runstream demo

test: tools lint
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: tools install
	$(BIN)/python -m tests.bench $(ARGS)

# The README's pictures, from the demo, and the tutorial's: look at them before committing.
pictures: install
	$(BIN)/python -m tests.pictures
	$(BIN)/python -m tests.tutorial

clean:
	rm -rf .venv dist build test-output .runstream-demo dashboard/node_modules dashboard/runstream_dashboard/web/vendor
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

# After a change of dependencies: hashes of every file, no address of any index.
lock: install
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --quiet -o requirements.lock
	cd dashboard && npm install --package-lock-only --omit-lockfile-registry-resolved
