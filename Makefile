.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
FOLDERS := template $(patsubst %/pyproject.toml,%,$(wildcard connectors/*/pyproject.toml))
CONNECTORS := $(notdir $(FOLDERS))
folder = $(if $(filter template,$1),$1,connectors/$1)
SAM ?= $(CURDIR)/.tools/sam/bin/sam
export SAM_CLI_TELEMETRY = 0

.PHONY: help setup demo test lint types docs bench new-connector

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z%<>-]+:.*## / {printf "  %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Make .venv with everything installed; other targets do so by themselves
.venv/.ready: pyproject.toml constraints.txt common/pyproject.toml $(FOLDERS:%=%/pyproject.toml)
	$(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable "common[sql,plans,local,testing]" $(FOLDERS:%=--editable %)
	touch $@

$(CURDIR)/.tools/sam/bin/sam: common/packaging/sam-constraints.txt
	$(PYTHON) -m venv .tools/sam && .tools/sam/bin/python -m pip install --quiet --constraint $< aws-sam-cli && touch $@

demo: setup ## Query a shop in several real sources; KEEP=1 leaves them running
	$(BIN)/python common/demo/run.py $(if $(KEEP),--keep)

test: lint types $(SAM) ## Run every test, on real servers that it starts itself
	SAM=$(SAM) $(BIN)/python -m pytest -n 2 --dist loadfile

test-%: setup ## Run the tests of one connector: make test-jdbc-postgres
	@test -d $(call folder,$*) || { echo "There is no connector $* (yet): $(CONNECTORS)"; exit 1; }
	$(BIN)/python -m pytest $(call folder,$*)

lint: setup ## Check style and format
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup ## Check types
	$(BIN)/mypy -p athena_connectors.common $(foreach name,$(CONNECTORS),-p athena_connectors.$(subst -,_,$(name)))
	$(BIN)/mypy $(wildcard common/packaging/*.py common/demo/*.py connectors/*/demo/*.py tests/packaging/*.py) tests/bench

docs: setup ## Run the conformance suites, measure the packages; write what documents show of them
	$(BIN)/python -m pytest --quiet --write-conformance $(wildcard connectors/*/tests/test_conformance.py template/tests/test_conformance.py)
	$(BIN)/python -m tests.packaging.sizes
	$(BIN)/python -m tests.documents

bench: setup ## Measure speed as ratios to plain drivers, in one run
	$(BIN)/python -m tests.bench

build-%: setup $(SAM) ## Build the Lambda package of one connector
	@test -d $(call folder,$*) || { echo "There is no connector $* (yet): $(CONNECTORS)"; exit 1; }
	cd $(call folder,$*) && PYTHON=$(CURDIR)/$(BIN)/python $(SAM) build

deploy-%: build-% ## Deploy one connector; asks what it needs, or SAM_DEPLOY_ARGS says it
	cd $(call folder,$*) && $(SAM) deploy --capabilities CAPABILITY_IAM $(or $(SAM_DEPLOY_ARGS),$(if $(wildcard $(call folder,$*)/samconfig.toml),,--guided))

publish-%: ## Publish one connector; needs BUCKET=… for the package
	@test -n "$(BUCKET)" || { echo "Set BUCKET to the bucket that takes the package."; exit 1; }
	@$(MAKE) --no-print-directory build-$*
	cd $(call folder,$*) && $(SAM) package --s3-bucket $(BUCKET) --output-template-file .aws-sam/packaged.yaml && $(SAM) publish --template-file .aws-sam/packaged.yaml

new-connector: ## Start a connector of your own: NAME=my-source, and FROM=jdbc-postgres if not from template
	@$(PYTHON) common/packaging/new_connector.py --name="$(NAME)" $(FROM:%=--from="%")
	@$(MAKE) --no-print-directory setup
	@$(BIN)/ruff check --quiet --select I --fix connectors/$(NAME) && $(BIN)/ruff format --quiet connectors/$(NAME)
	@echo "Its tests: make test-$(NAME). What to do next: template/README.md"
