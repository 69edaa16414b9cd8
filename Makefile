# What people type. What takes more than a line is a script.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
TOOL    := go tool -modfile=scripts/tools/go.mod

.PHONY: build test browser screenshots teams-playground teams-browser race fuzz bench bench-million cover golden lint docs-check fmt vuln demo image clean

build: ## bin/bot, static
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o bin/bot ./cmd/bot

test: ## everything, against real PostgreSQL servers
	scripts/services run go test -shuffle=on $(TESTFLAGS) ./...

browser: ## the page of the demo, in Chromium
	scripts/browser/run test

screenshots: ## docs/screenshots; look at them
	scripts/browser/run screenshots
	scripts/teams/run screenshots

teams-playground: ## the bot with Microsoft's local playground of Teams, without an account
	scripts/teams/run playground

teams-browser: ## the same, with somebody who asks for access in Chromium
	scripts/teams/run test

race: ## the same with the race detector; a busy machine may need longer than the 10 minutes that a package has by default
	scripts/services run go test -race -timeout 40m -shuffle=on $(TESTFLAGS) ./...

fuzz: ## every fuzz target, FUZZTIME each
	scripts/fuzz $(or $(FUZZTIME),30s)

bench:
	scripts/services run go test -run '^$$' -bench . -skip 'BenchmarkLoad$$' -benchmem $(TESTFLAGS) ./...
	cd scripts/policybench && go run .
	go test -run '^$$' -bench 'Load$$' -benchtime 1x -timeout 1h ./cmd/bot -load $(or $(LOAD),90s)

bench-million: ## a start over 1,000,000 requests that are over; some minutes, and 20 GB in TMPDIR
	go test -run '^$$' -bench 'Start$$' -benchtime 5x -timeout 1h ./cmd/bot -past $(or $(PAST),1000000)

cover: ## bin/cover.html
	scripts/services run go test -coverpkg=./... -coverprofile=bin/cover.out ./... && go tool cover -html=bin/cover.out -o bin/cover.html && go tool cover -func=bin/cover.out | tail -n 1

golden: ## rewrites the golden files; read the diff
	scripts/services run scripts/golden

lint:
	$(TOOL) golangci-lint run ./... && scripts/lint-files

docs-check: ## what docs/ ships for others to read: units, manifests, alerts
	scripts/check-docs

fmt:
	$(TOOL) golangci-lint fmt ./...

vuln:
	scripts/vuln

demo: ## the story on the terminal
	go run ./cmd/bot demo --play

image:
	docker build --build-arg VERSION=$(VERSION) -t apono:$(VERSION) .

clean: ## keeps data/
	rm -rf bin dist
