# Sets up what is missing in .venv and runs the workflow, its tests and its report.
# A grid of your own: make run CONFIG=my_grid.yaml. Fewer cores: make run CORES=2. More options: make run ARGS="--dry-run".
PYTHON ?= python3
CORES ?= all
CONFIG ?=
ARGS ?=
STEPS ?=

BIN := .venv/bin
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help run estimate report test test-grids test-faults test-slurm test-report bench lint docs site lock clean clean-venv clean-results

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run ## Run the grid of config.yaml, or of CONFIG=file, to its figures, tables and report
	PYTHONPATH=workflow/logger $(SNAKEMAKE) --logger live
	@$(MAKE) --no-print-directory report
	@echo "Figures: results/figures   Tables: results/tables   Report: results/report.html"

estimate: .venv/run ## Print what the grid will cost in time, disk and memory before it starts
	$(BIN)/python workflow/scripts/estimate.py --cores $(CORES) $(if $(CONFIG),--configfile $(CONFIG)) $(ARGS)

report: .venv/run ## Write results/report.html, if something has changed since the last one
	@test -z "$$(find results/figures results/*.html results/pages -newer results/report.html 2>&1 | head -n 1)" \
	|| $(SNAKEMAKE) --quiet all --report results/report.html

test: .venv/test lint ## Run linters and tests
	$(BIN)/pytest -n 2 --dist worksteal --durations 20

test-grids: .venv/test ## Run grids that take minutes: those of config/ small, of users, a negative control, one environment a step
	$(BIN)/pytest tests/grids -n 2 --dist worksteal

test-faults: .venv/test ## Kill, damage, fill up and misconfigure, and print what was lost; some of it needs root
	$(BIN)/pytest tests/faults -n 2 --dist worksteal --durations 10

test-slurm: .venv/slurm ## Run grids on a Slurm that this starts and stops; needs root
	trap tests/slurm/stop.sh EXIT; tests/slurm/start.sh && PYTHONPATH=$(CURDIR)/$< $(BIN)/pytest tests/slurm -n 2 --durations 0

test-report: .venv/report ## Open the report of a small grid in Chromium, offline; installs Debian's where there is none, for root
	tests/report/chromium.sh && $(BIN)/pytest tests/report -n 2

bench: .venv/test ## Measure speed against peers: a table, results/benchmarks.csv and figures; STEPS="training ..." for some
	PYTHONPATH=workflow/scripts $(BIN)/python -m benchmarks $(STEPS)

lint: .venv/test ## Check style and form of the workflow
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

docs: .venv/run ## Write config/README.md anew from the schema and the plug-ins
	PYTHONPATH=workflow/scripts $(BIN)/python -m spikegrid.reference > config/README.md

site: .venv/docs ## Build the documentation as a site, in site/, and check that it loads nothing from elsewhere
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	$(BIN)/pytest --quiet tests/site

lock: .venv/test ## Choose the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet --upgrade --universal --no-header --extra workflow pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --no-header --extra workflow --extra test -c requirements.txt pyproject.toml -o requirements-test.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --no-header --extra workflow --extra slurm -c requirements-test.txt pyproject.toml -o requirements-slurm.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --no-header --extra workflow --extra docs -c requirements-test.txt pyproject.toml -o requirements-docs.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --no-header --extra workflow --extra report -c requirements-test.txt pyproject.toml -o requirements-report.txt

clean: ## Remove caches; results stay
	rm -rf .pytest_cache .ruff_cache .hypothesis build site workflow/scripts/*.egg-info
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

clean-venv: ## Remove the virtual environment
	rm -rf .venv

clean-results: ## Remove all results
	rm -rf results .snakemake

.venv/run: requirements.txt
	@echo "Setting up .venv from $< (once, a few minutes)"
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %d.%d; run: make PYTHON=python3.12 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/test: requirements-test.txt .venv/run
	@$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/docs: requirements-docs.txt .venv/test
	@$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

.venv/report: requirements-report.txt .venv/test
	@$(BIN)/pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# Apart from the rest: every snakemake that finds this plugin asks Slurm at its start, and waits where none answers.
.venv/slurm: requirements-slurm.txt .venv/test
	@rm -rf $@
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --target $@ --constraint $< \
		snakemake-executor-plugin-slurm snakemake-executor-plugin-slurm-jobstep
