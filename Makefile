# Python 3.11 or newer and make are all a machine needs: the first target that wants tools makes .venv from the lock.
# `make PYTHON=python3.12 test` uses another interpreter; .venv is then made anew for it.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
PHASE   := $(PYTHON) tools/phase.py
PYTEST  := $(BIN)/python -m pytest
# The stamp names the interpreter's version, so that a change of PYTHON is a change of environment.
READY   := $(VENV)/ready-$(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
SUITE   := $(PYTEST) -q -n auto
# In namespaces of its own, which kind makes itself.
ALONE   := $(if $(KIND),,$(BIN)/python -m tests.testbed.alone)
# Where API servers write down what our roles ask for.
AUDIT   := build/audit
# The tests run in several processes and start hundreds: each would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
LOCKER  := uv==0.13.9

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test check fmt generate manifests verify golden bench soak engine image image-sign image-verify e2e cluster cluster-down lock clean
.PHONY: format lint types imports tests generated goldens properties dataplane helm controlplane chart realnode rights

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Set up, serve a sample fleet with a real Envoy, show a routed answer and its reasons
	@$(BIN)/modelfleet demo

test: check verify properties dataplane controlplane chart realnode rights ## Set up, check, verify, properties, a real Envoy, control plane, chart and node: what CI runs

check: format lint types imports tests ## Format, lint, types, import contracts and tests: offline, in two minutes

fmt: $(READY) ## Format the source and apply the safe fixes; the only target that edits source
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

generate: $(READY) ## Write crds/, docs/reference.md and the chart's files from their models, clock.wasm from clock.wat
	@$(BIN)/python -m tools.generate && $(BIN)/python tools/clock.py

manifests: $(READY) ## Write manifests/install.yaml as Helm renders the chart
	@$(BIN)/python -m tests.chart manifests

verify: generated goldens ## Fail, with a diff, where a generated or golden file is not what the source says

golden: $(READY) ## Rewrite the golden files, delete orphans, print what changed
	@$(PYTEST) tests/golden -q --update-golden

bench: $(READY) ## Measure speed, beside what others take; never part of check
	@$(PYTEST) tests/bench -s

soak: $(READY) ## Run every test at evidence size, with a bar and a summary; takes some two hours
	@$(BIN)/python -m tests.soak

engine: $(READY) ## Build llama.cpp's server, once, for the tests on a real engine
	@$(BIN)/python -m tests.engines build

image: $(READY) ## Build the image with docker, podman or buildah, whichever works; its digest, size, bill of materials
	@$(BIN)/python -m tools.image

image-sign: $(READY) ## Sign the hashes of what was built with cosign; without COSIGN_KEY, a dry run with a key made for it
	@$(BIN)/python -m tools.signing

image-verify: $(READY) ## Build it twice, from nothing: both have to have one digest; hashes and signature have to be good
	@$(BIN)/python -m tools.image verify

e2e: $(READY) ## Build the image, install the chart on a real node (as root) and try it all; KIND=1 takes kind
	@rm -rf build/e2e && $(BIN)/python -m tests.e2e prepare --install
	@MODELFLEET_AUDIT=build/e2e $(ALONE) $(PYTEST) tests/e2e $(if $(KIND),,&& $(BIN)/python -m tests.rights build/e2e)

cluster: $(READY) ## Start a throwaway Kubernetes with simulated nodes; the last line tells how to use it
	@$(BIN)/python -m tests.testbed up

cluster-down: $(READY) ## End it, and remove what it stored
	@$(BIN)/python -m tests.testbed down

lock: ## Renew requirements.lock from pyproject.toml
	@$(PYTHON) -m venv --clear $(VENV)/lock && $(VENV)/lock/bin/pip --quiet --disable-pip-version-check install $(LOCKER)
	@$(VENV)/lock/bin/uv --quiet pip compile pyproject.toml --group dev --extra local --universal --python-version 3.11 --upgrade --generate-hashes --no-header --output-file requirements.lock

clean: ## Remove the environment, the caches and what was built
	@rm -rf $(VENV) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find operator tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# The phases, each one line of output: name, seconds, and the tool's own last word.

format: $(READY)
	@$(PHASE) $@ $(BIN)/ruff format --check .

lint: $(READY)
	@$(PHASE) $@ $(BIN)/ruff check .

types: $(READY)
	@$(PHASE) $@ $(BIN)/mypy

imports: $(READY)
	@$(PHASE) $@ $(BIN)/lint-imports --no-logo

tests: $(READY)
	@$(PHASE) $@ $(SUITE)

generated: $(READY)
	@$(PHASE) $@ $(BIN)/python tools/verify.py

# Under another hash seed than the run in `tests`: the same input must give the same bytes.
goldens: $(READY)
	@PYTHONHASHSEED=4711 $(PHASE) $@ $(PYTEST) -q tests/golden

properties: $(READY)
	@$(PHASE) $@ $(SUITE) tests/property

dataplane: $(READY)
	@$(BIN)/python -m tests.engines tell
	@$(PHASE) $@ $(SUITE) --dist loadfile tests/dataplane/envoy tests/scenario

# Neither of these is a phase: their first builds take minutes and tell how far they are.
helm: $(READY)
	@$(BIN)/python -m tests.chart build

# Our roles run as the accounts that the chart makes, which Helm says.
controlplane: $(READY) helm
	@$(BIN)/python -m tests.testbed build
	@$(BIN)/python -m tests.cluster

chart: $(READY) helm
	@MODELFLEET_AUDIT=$(AUDIT) $(PHASE) $@ $(PYTEST) -q tests/chart

# The part of e2e that takes no measure, where this is root and all is installed that it takes; else it says what is not.
realnode: $(READY)
	@$(BIN)/python -m tests.e2e prepare
	@MODELFLEET_AUDIT=$(AUDIT) $(PHASE) $@ $(ALONE) $(PYTEST) -q -m "not alone" tests/e2e

# What the API servers of these three saw, beside what the chart grants: nothing may be missing or extra.
rights: $(READY)
	@$(PHASE) $@ $(BIN)/python -m tests.rights $(AUDIT)

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed; name a Python 3.11 or newer: make PYTHON=python3.12"; exit 1; }
	@$(PHASE) set-up $(PYTHON) tools/environment.py $(VENV) && touch $@
