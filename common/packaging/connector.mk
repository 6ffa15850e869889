# Rules that every connector's Makefile includes. `sam build` calls build-ConnectorFunction
# from a copy of the folder, so every path here is absolute.

CONNECTOR_DIR := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))
REPOSITORY := $(abspath $(COMMON_DIR)/..)
NAME := $(notdir $(CONNECTOR_DIR))
PYTHON ?= python3

.PHONY: build-ConnectorFunction build test

build-ConnectorFunction:
	$(PYTHON) $(COMMON_DIR)/packaging/package.py --connector $(CONNECTOR_DIR) --common $(COMMON_DIR) --out "$(ARTIFACTS_DIR)"

build test:
	$(MAKE) -C $(REPOSITORY) $@-$(NAME)
