# SPDX-License-Identifier: Apache-2.0
#
# Two commands are enough: `make run` and `make test`. Both set up what they
# need. Everything else is listed by `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.ONESHELL:

# One set of flags for every step, so that all of them share Go's build cache.
# The race detector alone needs cgo and always compiles a copy of its own.
# Test results are never taken from the cache (-count=1): it does not see the
# captures in ../shared/data, which most packages read.
export CGO_ENABLED := 0
export GOFLAGS := $(filter-out -trimpath -buildvcs=%,$(GOFLAGS)) -trimpath -buildvcs=false
# Debian keeps softflowd where only root looks.
export PATH := $(PATH):/usr/sbin:/sbin

LINT := go tool -modfile=tools/go.mod golangci-lint
BENCHSTAT := go tool -modfile=tools/go.mod benchstat
# A busy machine is no failure: the limit of Go for one package is ten minutes.
PATIENCE := -timeout 25m
RACE := CGO_ENABLED=1 go test -race -count=1 $(PATIENCE) -json

# What can be said on the command line, for example `make run ARGS="--config my.yaml"`.
ARGS ?=
TESTFLAGS ?=
SOAK ?= 30m
FUZZTIME ?= 10m
SHORTFUZZ ?= 5s
FUZZIN ?= decode
BENCH ?= .
BENCHTIME ?= 1s
BENCHARGS ?=
ALERTARGS ?= -inject all
COUNT ?= 1

# A build from a tag is named by it, any other v0.0.0-<commit>.
COMMIT = $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
VERSION = $(shell git describe --tags --dirty 2>/dev/null || echo v0.0.0-$(COMMIT))

##@ The two commands

.PHONY: run
run: build ## build tidewatch and serve with no configuration; ARGS= adds flags
	@exec bin/tidewatch serve $(ARGS)

.PHONY: demo
demo: build ## build tidewatch and show everything with a simulated network; ARGS= adds flags
	@exec bin/tidewatch demo $(ARGS)

# Cheap steps come first; the first that fails ends the run and is named.
STEPS := packages web-test fmt-check lint vet law unit fuzz-short e2e
SKIPPED := bin/skipped

.PHONY: test
test: ## run every check: format, lint, vet, import law, unit with race, short fuzz, end-to-end
	@mkdir -p bin; rm -f $(SKIPPED); begin=$$SECONDS
	for step in $(STEPS); do
		from=$$SECONDS
		printf '\n== %s\n' "$$step"
		$(MAKE) "$$step" || { printf '\nmake test: the step "%s" failed\n' "$$step" >&2; exit 1; }
		printf '== %s: %d s\n' "$$step" $$((SECONDS - from))
	done
	printf '\nmake test: all steps passed in %d s\n' $$((SECONDS - begin))
	if [ -s $(SKIPPED) ]; then
		printf 'make test: %d tests skipped: no captures at ../shared/data\n' "$$(wc -l < $(SKIPPED))"
	fi

##@ Steps of the test

.PHONY: packages
packages: ## install the Debian packages that tests use (as root), or name those missing
	@scripts/packages.sh

.PHONY: web-test
web-test: web/ui/node_modules/.package-lock.json ## check the types of the dashboard, run its unit tests and build it; npm must be there
	@npm --prefix web/ui run --silent check
	npm --prefix web/ui run --silent unit
	rm -f web/dist/index.html
	$(MAKE) web

.PHONY: fmt-check
fmt-check: ## show what `make fmt` would change
	@$(LINT) fmt --diff

.PHONY: lint
lint: ## run golangci-lint
	@$(LINT) run --allow-parallel-runners ./...

.PHONY: vet
vet: ## run go vet
	@go vet -tags e2e ./...

.PHONY: law
law: ## check the house rules: import law, package docs, licence lines, links, paths
	@go test -count=1 ./test/house

# These start no goroutine and share nothing (test/house holds them to it), so the race
# detector finds nothing in them and takes ten times as long. What runs them side by
# side is in app, and tested with it.
PURE := ^tidewatch/(baseline|config|decision|decode|detect|encode|evaluate|exclude|feedback|flow|flowfile|guard|identity|pages|query|scenario|schedule|segment|window|test/(accuracy|habittest|house|repeat|report|shareddata))(/|$$)

# Long traffic through one line of its own shares nothing either.
LONG := ^(TestMonth|TestIdentity|TestNoiseIsOneIncident|TestHabits|TestRamp|TestNetwork.*|TestSpoiltHoursOfNetworks|TestScenarios|TestShopAttack|TestBeaconInTheOffice|TestAttacks|TestLookAlikes.*|TestThefts|TestPulsingFlood|TestCarpetIsOneIncident|TestActiveTimeouts|TestRealFloods.*|TestRealScans|TestRealCommandAndControl|TestRealTunnels|TestNoTunnels|TestBenignCaptures|TestSpoofed.*|TestPlannedCampaign|TestSegmentsAreJudgedAlike|TestSegmentsOfAScenario|TestDevices|TestCommandOverRestarts|TestDripSurvivesKills|TestDemo)$$

.PHONY: unit
unit: ## run unit tests, with the race detector where there are goroutines; TESTFLAGS= adds flags
	@mkdir -p bin
	$(RACE) $(TESTFLAGS) -skip '$(LONG)' $$(go list ./... | grep -vE '$(PURE)') | go run ./test/report -skipped $(SKIPPED)
	CGO_ENABLED=0 go test -count=1 $(PATIENCE) -json $(TESTFLAGS) $$(go list ./... | grep -E '$(PURE)') | go run ./test/report -skipped $(SKIPPED)
	CGO_ENABLED=0 go test -count=1 $(PATIENCE) -json $(TESTFLAGS) -run '$(LONG)' ./app | go run ./test/report -skipped $(SKIPPED)

.PHONY: fuzz-short
fuzz-short: ## fuzz every target for SHORTFUZZ (5s)
	@scripts/fuzz.sh $(SHORTFUZZ) .

.PHONY: e2e
e2e: web ## run the end-to-end tests, with the dashboard in a browser; npm must be there
	@mkdir -p bin
	$(RACE) -tags e2e -p 1 $(TESTFLAGS) ./test/e2e/... ./test/bench/... | go run ./test/report -skipped $(SKIPPED)

##@ Longer runs

SHOTS ?= bin/screenshots

.PHONY: screenshots
screenshots: packages web ## take pictures of every page of the dashboard, in light and dark, into SHOTS (bin/screenshots); fails when a page shows an error or is not whole; two minutes
	@mkdir -p $(SHOTS)
	TIDEWATCH_PICTURES=$(abspath $(SHOTS)) go test -count=1 -tags e2e -timeout 15m -run '^TestDemo$$/^pages$$' ./test/e2e

ROUNDS ?= 1000

.PHONY: faults
faults: ## break sessions, disk, API and process while rules come and go, ROUNDS (1000) times; routers must end as the ledger says; some twenty minutes
	@TIDEWATCH_FAULT_ROUNDS=$(ROUNDS) go test -count=1 -tags e2e -timeout 3h -v -run '^TestFaults$$' ./test/e2e

.PHONY: fuzz
fuzz: ## fuzz every target below FUZZIN (decode) for FUZZTIME (10m)
	@scripts/fuzz.sh $(FUZZTIME) $(FUZZIN)

.PHONY: bench
bench: bench-parts bench-serve bench-api bench-web bench-history ## run all benchmarks

.PHONY: bench-parts
bench-parts: ## time and allocations of decoder, windows, file readers; BENCH= selects, COUNT=10 feeds benchstat
	@go test -run '^$$' -bench '$(BENCH)' -benchmem -benchtime $(BENCHTIME) -count $(COUNT) \
		$$(grep -rl --include='*_test.go' '^func Benchmark' . | xargs -n1 dirname | sort -u)

.PHONY: bench-spoofed
bench-spoofed: ## memory and time under ten million made-up sources, and destinations; other attacks must be found meanwhile
	@go test -run '^$$' -bench '^BenchmarkSpoofed$$' -benchtime 1x -timeout 30m ./app

.PHONY: bench-serve
bench-serve: packages build ## CPU of serve per flow, beside nfcapd under the same load; BENCHARGS= adds flags
	@go run ./test/bench $(BENCHARGS)

.PHONY: bench-soak
bench-soak: build ## 10 000 devices at 20 000 flows/s for SOAK (30m): CPU, memory, time to judge, loss
	@go run ./test/bench -soak $(SOAK)

.PHONY: bench-api
bench-api: build ## time the API takes to answer under 20 000 flows/s of 10 000 devices, for each route; a minute
	@go run ./test/bench -api -seconds 25

.PHONY: bench-web
bench-web: packages web build ## size of what a first visit of the dashboard loads, and how long it takes until something is painted and until numbers are there
	@go run ./test/bench -web 9

FLOWS ?= 100000000
BENCHDIR ?= $(or $(TMPDIR),/tmp)

.PHONY: bench-history
bench-history: build ## how fast FLOWS (100 million, or what fits) are kept below BENCHDIR, how large, and how long questions about them take; half an hour
	@go run ./test/bench -history $(FLOWS) -dir $(BENCHDIR)

.PHONY: bench-delay
bench-delay: build ## seconds from an attack's first datagram to its incident, under 20 000 flows/s, for each protocol; ten minutes
	@go run ./test/bench -delay

.PHONY: bench-compare
bench-compare: ## compare two saved runs of `make bench`: OLD=a.txt NEW=b.txt
	@$(BENCHSTAT) $(OLD) $(NEW)

.PHONY: false-alerts
false-alerts: ## false alerts per device-week on months of ordinary traffic, some six minutes; ALERTARGS= adds flags
	@go run ./test/accuracy $(ALERTARGS)

SERIES ?= $(wildcard ../shared/data/timeseries/esnet-transatlantic/*.csv.gz ../shared/data/timeseries/aiops-donut/server_*.csv.gz)

.PHONY: false-alerts-recorded
false-alerts-recorded: ## the same on measured traffic, each series as one device; SERIES= names CSV files
	@go run ./test/accuracy -recorded $(SERIES)

DATA ?= ../shared/data
ACCURACYARGS ?=

.PHONY: accuracy
accuracy: ## what labelled captures and scenarios are taken for and judged to be, some minutes; writes docs/detectors.md, fails when a row became worse; ACCURACYARGS=-accept writes it all the same, "-config FILE" asks the model of a configuration, too, and prints its verdicts; DATA= judges another folder and prints
	@go run ./test/accuracy -data $(DATA) $(ACCURACYARGS) $(if $(filter ../shared/data,$(DATA)),-write docs/detectors.md)

.PHONY: accuracy-series
accuracy-series: ## how well labelled series are judged, beside a windowed Gaussian, in seconds; writes docs/detectors.md, fails when it became worse; DATA= judges another folder and prints
	@go run ./test/accuracy -only series -data $(DATA) $(ACCURACYARGS) $(if $(filter ../shared/data,$(DATA)),-write docs/detectors.md)

.PHONY: accuracy-sampling
accuracy-sampling: ## what the labelled captures are taken for under packet sampling and other active timeouts; writes docs/detectors.md, fails when it became worse; DATA= judges another folder and prints
	@go run ./test/accuracy -only sampling -data $(DATA) $(ACCURACYARGS) $(if $(filter ../shared/data,$(DATA)),-write docs/detectors.md)

.PHONY: offices
offices: ## weeks of whole offices, which `make test` plays with fewer devices and flows, some ten minutes
	@TIDEWATCH_ACCURACY=1 go test -count=1 -timeout 2h -v -run '^(TestMonth|TestRamp|TestHabits|TestScenarios)$$' ./app

.PHONY: thefts
thefts: ## what thefts, tunnels, beacons and look-alikes of five offices are taken for, some ten minutes; writes docs/detectors.md
	@TIDEWATCH_ACCURACY=1 TIDEWATCH_WRITE=$(CURDIR)/docs/detectors.md go test -count=1 -timeout 2h -v -run '^TestThefts$$' ./app

.PHONY: cover
cover: ## run unit tests with coverage; bin/cover.html shows it line by line
	@mkdir -p bin
	go test -coverprofile=bin/cover.out ./...
	go tool cover -html=bin/cover.out -o bin/cover.html
	go tool cover -func=bin/cover.out | tail -n 1

##@ Everyday

.PHONY: build
build: web ## build bin/tidewatch, static, with the dashboard when Node is there
	@mkdir -p bin
	go build -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)' -o bin/tidewatch ./cmd/tidewatch

.PHONY: fmt
fmt: ## format the code
	@$(LINT) fmt

.PHONY: tidy-check
tidy-check: ## tell whether go.mod and tools/go.mod are tidy (needs the module proxy)
	@go mod tidy -diff
	go -C tools mod tidy -diff

.PHONY: clean
clean: ## remove what was built; data of `make run` stays
	@rm -rf bin dist

.PHONY: help
help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-21s %s\n", $$1, $$2 }' Makefile

##@ The dashboard

UI := web/ui
UISOURCES = $(shell find $(UI)/src $(UI)/index.html $(UI)/*.ts $(UI)/*.js $(UI)/*.json -type f)

.PHONY: web
web: ## build the dashboard into web/dist, when Node is there and its sources are newer
	@if command -v npm >/dev/null; then $(MAKE) web/dist/index.html
	else echo 'npm is not there: building without the dashboard, a page will say so'; fi

web/dist/index.html: $(UI)/node_modules/.package-lock.json $(UISOURCES)
	@rm -rf web/dist/assets
	npm --prefix $(UI) run --silent build -- --logLevel warn
	touch web/dist/index.html

$(UI)/node_modules/.package-lock.json: $(UI)/package-lock.json
	@command -v npm >/dev/null || { echo 'npm is needed: install Node.js 20 or newer' >&2; exit 1; }
	npm --prefix $(UI) ci --silent
	touch $@
