# What a person types. Each target sets up what it needs first.
.DEFAULT_GOAL := help
VENV ?= .venv
BIN := $(VENV)/bin
export VENV

.PHONY: help setup demo test dev check bench hold lint types contract definitions lock clean

help:            ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

$(VENV)/ready: requirements.lock pyproject.toml deploy/setup
	@deploy/setup

setup: $(VENV)/ready   ## make .venv with the pinned dependencies

demo: setup      ## run the main job on recorded sessions; needs no key, network or Docker once set up
	@$(BIN)/intraday demo

test: setup      ## run every test, on a real TimescaleDB too
	@$(BIN)/python -m pytest -n auto --dist worksteal

dev: setup       ## open the Dagster UI on http://127.0.0.1:3000
	@$(BIN)/intraday dev

check: lint types contract definitions test   ## everything that must hold before a change lands

bench: setup     ## run the benchmarks, a quarter of an hour
	@$(BIN)/python -m bench

hold: setup      ## kill loads and servers at 200 points of a load, ten minutes
	@$(BIN)/python -m pytest -m long -s tests/test_killed.py

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

clean:           ## remove the environment and caches; data under .intraday stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache *.egg-info
