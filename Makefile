# Everything here does its own set-up: a virtual environment in .venv, installed from the one lock.
PYTHON ?= python3.11
CORES ?= $(shell nproc 2>/dev/null || echo 2)
VENV := .venv
BIN := $(VENV)/bin
SNAKEMAKE := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake
SNAKEFILES := Snakefile workflow/Snakefile $(wildcard workflow/rules/*.smk)

.DEFAULT_GOAL := help
.PHONY: help install demo test format lint unit workflow-tests end-to-end test-slurm bench bench-planning bench-throughput bench-ingest bench-refusals bench-hostile bench-networks bench-inference bench-generators bench-outcome bench-expansion bench-trajectory bench-text lock conda-environment clean

help:  ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

install: $(VENV)/installed  ## Install everything from envs/requirements.lock into .venv

$(VENV)/installed: envs/requirements.lock envs/install.sh envs/niivue.sh
	@PYTHON="$(PYTHON)" bash envs/install.sh $(VENV)
	@touch $@

demo: install  ## Run the whole workflow on the simulated cohort and name the report
	$(SNAKEMAKE) --cores $(CORES)
	@echo
	@echo "Report: $(CURDIR)/results/report/index.html"

test: install format lint unit workflow-tests end-to-end test-slurm  ## Format, lint, unit, workflow, end-to-end and Slurm tests

format: install
	$(BIN)/ruff format --check workflow tests benchmarks
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakefmt --check $(SNAKEFILES)

lint: install
	$(BIN)/ruff check workflow tests benchmarks
	$(SNAKEMAKE) --lint

unit: install
	$(BIN)/python -m pytest tests/unit -n $(CORES)

workflow-tests: install
	$(BIN)/python -m pytest tests/workflow -n $(CORES)

end-to-end: install
	$(BIN)/python -m pytest tests/e2e -n 2 --dist loadfile --no-loadscope-reorder --timeout 1800

test-slurm: install  ## Cluster tests on a real Slurm that they start and stop (root on Debian; .ci/run installs it)
	$(BIN)/python -m pytest tests/slurm

bench: bench-planning bench-throughput bench-ingest bench-refusals bench-hostile bench-networks bench-inference bench-generators bench-outcome bench-expansion bench-trajectory bench-text  ## Measure everything: a table and benchmarks/results.json (hours)
	@$(BIN)/python benchmarks/rows.py

bench-planning: install  ## Time to plan 100 to 100,000 scans, against one rule per scan and stage
	$(BIN)/python benchmarks/planning.py

bench-throughput: install  ## Ingest and segmentation of 1,000 small simulated scans with one and two workers
	$(BIN)/python benchmarks/throughput.py

bench-networks: install  ## Selective scan by length, and a training step of every segmentation network, on one core
	$(BIN)/python benchmarks/networks.py

bench-inference: install  ## Every inference profile against nnU-Net's own predictor: time, memory, Dice
	$(BIN)/python benchmarks/inference.py

bench-generators: install  ## Training step, memory and drawing of the diffusion generator, U-KAN against MONAI's U-net
	$(BIN)/python benchmarks/generators.py

bench-outcome: install  ## Training of an outcome network against a plain MONAI script; all outcome models of one patient
	$(BIN)/python benchmarks/outcome_training.py

bench-expansion: demo  ## All expansion predictors of one patient of the demo, volume in memory
	$(BIN)/python benchmarks/expansion_patient.py

bench-trajectory: install  ## Training of sequence networks on 10,000 time courses; one patient
	$(BIN)/python benchmarks/trajectory.py

bench-text: install  ## Training of the models of report texts; one patient
	$(BIN)/python benchmarks/text_patient.py

bench-hostile: install  ## Ingest of 5,000 hostile and broken files among good series
	$(BIN)/python benchmarks/hostile_files.py

bench-ingest: install  ## Index and conversion against pydicom and dcm2niix alone, memory of a worker
	$(BIN)/python benchmarks/ingest.py

bench-refusals: install  ## Clean simulated series refused, and defects caught, of 1,000 series and of 6 heads with every defect
	$(BIN)/python benchmarks/refusals.py

lock:  ## Resolve envs/requirements.in again (needs uv)
	uv pip compile envs/requirements.in -o envs/requirements.lock --python-version 3.11 --no-annotate --no-header --upgrade
	sed -i 's/^torch==\([0-9.]*\)+cpu$$/torch==\1/' envs/requirements.lock
	sed -i '1i # The one lock everything installs from. Made by `make lock` from envs/requirements.in; do not edit by hand.' envs/requirements.lock
	$(MAKE) conda-environment

conda-environment:
	sed -n '1,/^  - pip:$$/p' envs/ichor.yaml > envs/ichor.yaml.part
	sed -n 's/^[^#].*/      - &/p' envs/requirements.lock >> envs/ichor.yaml.part
	mv envs/ichor.yaml.part envs/ichor.yaml

clean:  ## Remove what runs make (not .venv)
	rm -rf results work logs .snakemake
