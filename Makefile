SHELL := /bin/bash
.DEFAULT_GOAL := help

# Races and coverage are for `make race`; the plain suite is what CI runs.
GO ?= go
DATA ?= data
LISTEN ?= localhost:8080

.PHONY: help run test check race bench shots fuzz suites planted faults deps postgresql clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

run: postgresql ## Start the portal with demo data on http://localhost:8080; DATA=folder and LISTEN=localhost:9090 choose others
	$(GO) build -o bin/ ./cmd/...
	@bin/portal demo -data $(DATA) -listen $(LISTEN)

test: deps ## Run every test: domain, node, views, pages in Chromium, programs, floor plan
	$(GO) vet ./...
	$(GO) test -timeout 20m ./...

check: deps ## What must hold before a commit: format, vet, tests
	@unformatted="$$(gofmt -l .)"; if [ -n "$$unformatted" ]; then echo "Not gofmt-ed: $$unformatted"; exit 1; fi
	@$(MAKE) --no-print-directory test

race: deps ## The tests once more with the race detector
	$(GO) test -race -timeout 30m ./...

bench: postgresql ## Measure speed and memory as ratios within one run
	@scripts/bench

shots: deps ## Take the pictures in docs/shots again
	@mkdir -p docs/shots
	$(GO) test ./cmd/portal -count 1 -run "TestLooks|TestStatementsAreUploaded" -timeout 20m -shots $(CURDIR)/docs/shots

fuzz: ## Fuzz every parser for ten seconds each
	@scripts/fuzz 10s

suites: ## Run the official clients' own test suites against the event node
	@scripts/deps nodejs
	@scripts/suites

planted: ## Test the tests: plant one bug after the other and demand that its test notices
	$(GO) test ./infra/node -run TestPlantedBugs -planted -v -timeout 60m

faults: ## Everything that can go wrong on a disk, for an hour; scripts/faults shows the parts
	@scripts/faults all

deps: ## Install PostgreSQL and Chromium where that is allowed, else say how
	@scripts/deps postgresql chromium

postgresql:
	@scripts/deps postgresql

clean: ## Remove the demo's data folder and the programs
	rm -rf $(DATA) bin
