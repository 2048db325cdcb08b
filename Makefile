# What a person types. Each target sets up what it needs first.
.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
export VENV

.PHONY: help setup demo test insync dev up check bench hold lint types contract definitions lock clean

help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/ready: requirements.lock pyproject.toml deploy/setup
	@deploy/setup

setup: $(VENV)/ready   ## make .venv with the pinned dependencies

demo: setup      ## run the main job on recorded sessions; needs no key, network or Docker once set up
	@$(BIN)/intraday demo

test: setup      ## run every test, on a real TimescaleDB too
	@$(BIN)/python -m pytest -n auto --dist worksteal

# Both libraries own the same files, so ib_insync has an environment of its own.
.venv-ib_insync/ready: requirements.lock requirements.ib_insync.lock pyproject.toml deploy/setup
	@VENV=.venv-ib_insync IB_LIBRARY=ib_insync deploy/setup

insync: .venv-ib_insync/ready   ## run what speaks to Interactive Brokers with ib_insync in the place of ib_async
	@.venv-ib_insync/bin/python -m pytest -n auto --dist worksteal -q $(wildcard tests/test_ib_*.py tests/test_simulator_tws*.py tests/test_oms_*.py)

dev: setup       ## open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/intraday dev

up: setup        ## run everything on this machine: database, Dagster, monitoring, live; Ctrl-C ends it
	@$(BIN)/intraday up

check: lint types contract definitions insync test   ## everything that must hold before a change lands

bench: setup     ## run the benchmarks, half an hour
	@$(BIN)/python -m bench

hold: setup      ## kill loads and servers at 200 points of a load; make up 2,000 histories of orders; replay whole days live; kill every process of `up`; an hour
	@$(BIN)/python -m pytest -m long -s tests/test_killed.py tests/test_oms_histories.py tests/test_live_replay.py tests/test_up.py

lint: setup      ## ruff: style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup     ## mypy, strict
	@$(BIN)/mypy

contract: setup  ## the floors of the house: imports only go down
	@$(BIN)/lint-imports

definitions: setup   ## Dagster loads the code location
	@VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/dg check defs

lock:            ## resolve requirements.lock anew (needs uv)
	uv pip compile -q --universal --generate-hashes --python-version 3.11 --group dev pyproject.toml -o requirements.lock
	printf 'ib_insync==0.9.86\neventkit==1.0.3\n' | uv pip compile -q --no-deps --no-header --generate-hashes - -o requirements.ib_insync.lock

clean:           ## remove the environment and caches; data under .intraday stay
	rm -rf $(VENV) .venv-ib_insync .pytest_cache .mypy_cache .ruff_cache *.egg-info
