# Every target sets up what it needs; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-down test check faults soak bench-change bench-failover bench-preview alerts \
	e2e-hetzner e2e-aws lint lock tour
SETUP := lab/setup/bootstrap.sh

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: ## Set up, make a dark mesh of real machines in the lab, verify it, show it (Linux, root)
	@$(SETUP) demo

demo-down: ## Destroy the demo and leave nothing of it behind
	@$(SETUP) demo-down

test: ## Set up and run the whole suite; without root or Linux all but the lab level
	@$(SETUP) test $(ARGS)

faults: ## Every attempt to lock everybody out of a mesh, of which `make test` makes a few
	@$(SETUP) faults $(ARGS)

check: ## Linters, types and fast tests, in two minutes; needs no privilege
	@$(SETUP) check $(ARGS)

bench-change: ## What a change costs, measured in the lab: writes docs/figures/change.* (15 min)
	@$(SETUP) bench-change $(ARGS)

bench-failover: ## What failing links and gateways cost: writes docs/figures/failover.* (25 min)
	@$(SETUP) bench-failover $(ARGS)

bench-preview: ## What 20, 50 and 200 nodes cost the engine: writes docs/figures/preview.* (12 min)
	@$(SETUP) bench-preview $(ARGS)

alerts: ## Each alert fires at its fault and clears, in the lab: writes docs/figures/alerts.* (20 min)
	@$(SETUP) alerts $(ARGS)

tour: ## A mesh in the lab and what its commands print: writes docs/tour.md and its picture (10 min)
	@$(SETUP) tour

soak: ## Random changes and faults on a mesh in the lab, MINUTES=30 [SEED=n], until one breaks it
	@$(SETUP) soak --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

e2e-hetzner: ## On YOUR Hetzner account: 15 min, less than 0.10 EUR, told and asked first [SWEEP=run]
	@$(SETUP) e2e-hetzner $(if $(SWEEP),--sweep "$(SWEEP)")

e2e-aws: ## On YOUR AWS account: 15 min, less than 0.50 USD, told and asked first [SWEEP=run]
	@$(SETUP) e2e-aws $(if $(SWEEP),--sweep "$(SWEEP)")

lint: ## Put formatting and what linters can mend right
	@$(SETUP) lint

setup: ## Only set up: Python packages, engine, plugins, and for the lab packages and image
	@$(SETUP) setup

lock: ## Lock the dependencies anew, with hashes
	@$(SETUP) lock
