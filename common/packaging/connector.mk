# Rules that every connector's Makefile includes. `sam build` calls build-ConnectorFunction
# from a copy of the folder, so every path here is absolute.
#
# A connector's Makefile may set, before the include:
#   LIMIT_MB  largest package, unzipped; Lambda's own limit if unset
#   KEEP      libraries that are shipped whole, not trimmed

CONNECTOR_DIR := $(patsubst %/,%,$(dir $(abspath $(firstword $(MAKEFILE_LIST)))))
COMMON := $(abspath $(COMMON_DIR))
NAME := $(notdir $(CONNECTOR_DIR))
PYTHON ?= python3

.PHONY: build-ConnectorFunction build deploy publish test

build-ConnectorFunction:
	@$(PYTHON) $(COMMON)/packaging/package.py --connector $(CONNECTOR_DIR) --common $(COMMON) \
		--out "$(ARTIFACTS_DIR)" $(LIMIT_MB:%=--limit-mb %) $(KEEP:%=--keep %)

build deploy publish test:
	$(MAKE) -C $(COMMON)/.. $@-$(NAME)
