# One command each; every one sets up what it needs in .venv first.
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
ONLY ?=
REPORT ?= build/demo.html
RESULTS ?= build/demo.json

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-peers soak proto lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: .venv/ready ## The whole story on real data, about a minute; writes build/demo.html
	@mkdir -p build
	$(BIN)/insitu demo --report $(REPORT) --json $(RESULTS)

test: .venv/ready-dev .venv-oldest/ready ## Set up and run all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

check: .venv/ready-dev .venv-oldest/ready ## Format, lint, types, import directions, fresh stubs, then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

bench: .venv/ready-dev ## Measure against the references side by side; ONLY=B5,B6 runs a part, ONLY=floors the floors
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

bench-peers: .venv/ready-dev .venv-peers/ready ## The same beside MLServer and LitServe, which it installs; joins the results
	$(BIN)/python -m benchmarks --only B1p,B2 --join

soak: .venv/ready-dev ## Crash loops and fault injection at ten times the counts; writes build/soak.json; ONLY=K1,K6
	$(BIN)/python -m tests.soak $(if $(ONLY),--only $(ONLY))

proto: .venv-oldest/ready ## Generate the stubs from proto/ with the oldest generator that apps are promised
	.venv-oldest/bin/python -m grpc_tools.protoc -Iproto --python_out=proto --pyi_out=proto --grpc_python_out=proto \
	    proto/insitu/v1/*.proto

lock: .venv/ready-dev ## Write the versions now installed into constraints.txt
	$(PIP) freeze --exclude-editable > constraints.txt

clean: ## Remove what the other commands made
	rm -rf .venv .venv-oldest .venv-peers build .pytest_cache .mypy_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/ready: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e '.[all]'
	@touch $@

.venv/ready-dev: .venv/ready
	$(PIP) install -c constraints.txt -e '.[all,dev]'
	@touch $@

# The oldest libraries that an app's environment may hold: the stubs come from here, and a test runs the client in it.
.venv-oldest/ready: requirements-oldest.txt
	$(PYTHON) -m venv .venv-oldest
	.venv-oldest/bin/python -m pip --disable-pip-version-check install -r requirements-oldest.txt
	@touch $@

# What Insitu is measured beside, and no part of it.
.venv-peers/ready: benchmarks/peers/requirements.txt benchmarks/peers/constraints.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip --disable-pip-version-check install -r benchmarks/peers/requirements.txt
	@touch $@
