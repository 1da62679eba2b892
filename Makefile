# The commands of this project. `make` alone lists them.

GO    ?= go
FLAGS ?=

.DEFAULT_GOAL := help
.PHONY: help run test bench demo lint licences vuln fmt

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 9

run: ## start the server at http://localhost:8787 with its own Postgres
	$(GO) run ./cmd/openinsure serve $(FLAGS)

test: lint licences vuln ## lint, licences and known vulnerabilities, then all tests under the race detector, and fuzz what strangers send for a moment
	$(GO) test -race -timeout 30m $(FLAGS) ./...
	$(GO) test -run '^$$' -fuzz '^FuzzFrame$$' -fuzztime 10s ./hub
	$(GO) test -run '^$$' -fuzz '^FuzzSession$$' -fuzztime 10s ./hub
	$(GO) test -run '^$$' -fuzz '^FuzzCheckURL$$' -fuzztime 10s ./push/webhook/egress

bench: ## all benchmarks, no tests
	$(GO) test -run '^$$' -bench . -benchmem -timeout 60m $(FLAGS) ./...

demo: ## play a whole deal, with phones, webhooks and two companies; FLAGS="--nodes 2" over Redis
	$(GO) run ./cmd/openinsure demo $(FLAGS)

lint: bin/lint ## gofmt, vet, staticcheck, gosec and the linters of .ci/lint
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "not gofmt-ed, try make fmt:" >&2; echo "$$unformatted" >&2; exit 1; }
	$(GO) vet -vettool=$(CURDIR)/bin/lint ./...
	$(GO) -C .ci/lint vet -vettool=$(CURDIR)/bin/lint ./...

licences: ## check the licence of everything that is built into the server
	$(GO) -C .ci/lint test ./licences
	$(GO) -C .ci/lint run ./licences $(CURDIR) ./cmd/openinsure

vuln: ## look for known vulnerabilities that the code reaches; GOVULNDB=https://vuln.go.dev asks for today's
	$(GO) -C .ci/lint test ./vuln
	$(if $(GOVULNDB),$(GO) -C .ci/lint tool govulncheck -C $(CURDIR) ./...,$(GO) -C .ci/lint run ./vuln $(CURDIR))

# Always handed to go build, which knows by itself when there is nothing to do.
# The same bytes wherever it is built: what one checkout has vetted of others'
# modules, the next one finds in Go's cache.
.PHONY: bin/lint
bin/lint:
	$(GO) -C .ci/lint build -trimpath -buildvcs=false -o $(CURDIR)/bin/lint .

fmt: ## format all Go files and take up newer language and library features
	$(GO) fix ./...
	gofmt -w .
