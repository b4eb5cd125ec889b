# Every tool comes from node_modules: whatever Node runs npm, Node 26 runs everything else.
BIN := node_modules/.bin
NODE := $(BIN)/node
# Written by this Makefile when npm ci has succeeded to its last step, which npm's own files do not tell.
INSTALLED := node_modules/.installed

.DEFAULT_GOAL := help
.PHONY: help deps check test sim bench format image manifest lab-up lab-down demo
# Targets such as image and test would fight over build/; the recipes use both cores themselves.
.NOTPARALLEL:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: $(INSTALLED) ## Install what package-lock.json names (npm ci), if that has not been done

$(INSTALLED): package-lock.json
	npm ci --no-fund --no-audit
	@touch $@

check: deps ## Types, lint, house rules, unit and simulation tests: no root, under a minute
	@$(NODE) scripts/test.ts check

test: deps ## Everything: check, then the tests on real interfaces and in the lab cluster (root)
	@$(NODE) scripts/test.ts all

sim: deps ## Random faults for the speakers in a simulation: SEED=1 RUNS=1000 NODES=3 FAULTS=8 OUTAGES=20 ADDRESSES=2
	@SEED="$(SEED)" RUNS="$(RUNS)" NODES="$(NODES)" FAULTS="$(FAULTS)" OUTAGES="$(OUTAGES)" $(NODE) test/sim/cli.ts

bench: deps ## The figures as JSON lines, all or those whose names start with ONLY=... (root)
	@$(NODE) scripts/image.ts >&2
	@$(NODE) test/bench/bench.ts "$(ONLY)"

format: deps ## Format the sources and apply the linter's safe fixes
	@$(BIN)/biome check --write .

image: deps ## Build build/image/berth.tar, an OCI archive, without a Docker daemon
	@$(NODE) scripts/image.ts

manifest: deps ## Write deploy/berth.yaml from deploy/parts and crds
	@$(NODE) scripts/manifest.ts

lab-up: deps ## Start the lab: a real cluster in network namespaces of this machine (root)
	@$(NODE) test/lab/cli.ts up

lab-down: deps ## Stop the lab and remove everything it made on this machine (root)
	@$(NODE) test/lab/cli.ts down

demo: image ## Show an address surviving its node, on a real cluster (root)
	@$(NODE) test/demo/demo.ts
