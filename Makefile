# The targets that people type. `make help` lists them.
RUNTIME ?= tokio
BIN     := keywheel-$(RUNTIME)
HOST    ?= 127.0.0.1
PORT    ?= 3000
CURL    := curl --fail-with-body --silent --show-error
# The token goes through a pipe: an argument would stand in the process list.
TOKEN   := token=$${ADMIN_KEY:-$$AUTH_KEY}; token=$${token%%,*}; [ -z "$$token" ] || printf 'header = "Authorization: Bearer %s"\n' "$$token"

.DEFAULT_GOAL := help
.PHONY: all build build-all run dev test faults coverage sim-coverage mutants mutated fuzz reliability bench lint fmt tidy trees deps clean install docker-build docker-run \
        health stats reset-keys blacklist help

all: fmt lint test build ## Format, lint, test, build

build: ## Build one optimized binary (RUNTIME=tokio or smol)
	cargo build --release --bin $(BIN)

build-all: ## Build both optimized binaries
	cargo build --release --bin keywheel-tokio --bin keywheel-smol

run: build ## Build and serve (keys.txt, .env and the environment)
	target/release/$(BIN)

dev: ## Serve a debug build with debug logs
	LOG_LEVEL=$${LOG_LEVEL:-debug} cargo run --bin $(BIN)

test: ## Every test: unit, scenario, simulator, fuzz, SDKs
	scripts/test

faults: ## Faults of real machines against both binaries (FAULTS=--full: whole counts and times; --sum: their ledger)
	tests/faults/run $(FAULTS)

coverage: ## Line coverage of the unit and scenario tests (needs cargo-llvm-cov and rustup's llvm-tools)
	cargo llvm-cov --workspace --summary-only

sim-coverage: ## Regions of core that the simulator's seeds never reach, less what is explained (SEEDS)
	scripts/sim-coverage

mutants: ## Deliberate defects: each must be found by the simulator (long; SEEDS, NAME=...)
	scripts/mutants $(NAME)

mutated: ## Damaged traffic over real sockets against both binaries, judged strictly (MUTATED='--streams 5000')
	cargo build --quiet --profile sim --bin keywheel-tokio --bin keywheel-smol
	cargo mutated $(MUTATED)

fuzz: ## Each fuzz target until the ledger has 30 CPU minutes of it (for hours; FUZZ='--target sse', '--asan', '--sum')
	scripts/fuzz $(FUZZ)

reliability: ## Write RELIABILITY.md, short versions (RELIABILITY='--help' for parts and long versions)
	scripts/reliability $(RELIABILITY)

bench: ## Instruction counts of the hot paths (needs valgrind)
	cargo bench --package keywheel-benches

lint: ## Lints, licences, bans, sources
	cargo clippy --workspace --all-targets -- -D warnings
	cargo deny --workspace check --hide-inclusion-graph licenses bans sources

fmt: ## Format the sources
	cargo fmt --all

tidy: ## The house rules: file and function length, layers, documentation of limits
	cargo test --package keywheel-tests --test tidy

trees: ## Renew the committed trees of each binary's packages
	RENEW_TREES=1 cargo test --package keywheel-tests --test tidy trees

deps: ## Fetch all dependencies
	cargo fetch --locked

clean: ## Remove what was built
	cargo clean

install: ## Install one binary into cargo's bin folder
	cargo install --locked --path runtime-$(RUNTIME)

docker-build: docker-run
docker-run: ## There are no container files yet: says so and fails (docker-build too)
	@echo "There are no container files yet: they come with a later version." >&2
	@echo "Until then: make build, then target/release/$(BIN)" >&2
	@exit 1

health: ## GET /health of a running keywheel (HOST, PORT)
	@$(CURL) http://$(HOST):$(PORT)/health

stats: ## GET /stats (with ADMIN_KEY or AUTH_KEY of the environment)
	@{ $(TOKEN); } | $(CURL) --config - http://$(HOST):$(PORT)/stats

reset-keys: ## POST /reset-keys (with ADMIN_KEY or AUTH_KEY of the environment)
	@{ $(TOKEN); } | $(CURL) --config - --request POST http://$(HOST):$(PORT)/reset-keys

blacklist: ## GET /blacklist (with ADMIN_KEY or AUTH_KEY of the environment)
	@{ $(TOKEN); } | $(CURL) --config - http://$(HOST):$(PORT)/blacklist

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
