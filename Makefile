# What a newcomer types. Each target sets up what it needs first.
.PHONY: help setup node-packages demo report-shot check test test-deep test-supabase test-pg17 test-pg18 test-pgbouncer lint bench torture test-launcher mutants lock

PYTEST_ARGS ?= -n 2 --plpgsql-coverage 95
# The tests of every app that has some, and those of all apps together.
APP_TESTS := $(wildcard $(patsubst policies/%.yaml,tests/%,$(wildcard policies/*.yaml)))
# What another target and a pool could change, and of each app a pass through its jobs and errors.
IN_PASSING := $(wildcard $(addsuffix /test_jobs.py,$(APP_TESTS)) $(addsuffix /test_errors.py,$(APP_TESTS)))
SUPABASE_TESTS ?= tests/core tests/jobs tests/access tests/attacks $(filter-out tests/core/%,$(IN_PASSING))
CLIENT_TESTS ?= tests/core tests/pgbouncer $(filter-out tests/core/%,$(IN_PASSING))
# The whole of it. Jobs have few clients.
EVERY_SUPABASE_TEST := $(APP_TESTS) tests/access tests/attacks tests/hostile
EVERY_CLIENT_TEST := $(filter-out tests/jobs,$(APP_TESTS)) tests/pgbouncer tests/hostile
DOTBASE := .venv/bin/dotbase

help: ## This list
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

setup: ## Install what is missing: Debian packages, .venv with the locked versions
	@scripts/setup

node-packages: setup
	@scripts/node-packages

demo: setup ## A lottery quarter on real data: twelve draws, 500 walkers, a report
	@.venv/bin/python -m demo $(DEMO_ARGS)

report-shot: setup ## A look at report.html in headless Chromium (Debian's chromium, chromium-driver)
	@.venv/bin/python -m demo.screenshot $(SCREENSHOT_ARGS)

test: setup ## The tests, against a server of their own
	@DOTBASE_CLUSTER=test .venv/bin/python -m pytest $(PYTEST_ARGS)

check: setup ## Lint and tests of what changed on this branch, in less than a minute
	@DOTBASE_CLUSTER=test .venv/bin/python -m tests.tools.check $(CHECK_ARGS)

test-deep: setup ## What breaks a rule seldom: more examples, a million transfers, every cell on every target
	@DEEP=1 DOTBASE_CLUSTER=test .venv/bin/python -m pytest -n 2 $(DEEP_ARGS)
	@$(MAKE) test-supabase SUPABASE_TESTS="$(EVERY_SUPABASE_TEST)"
	@$(MAKE) test-pgbouncer CLIENT_TESTS="$(EVERY_CLIENT_TEST)"

test-supabase: setup ## Tests of access and jobs again, on a server shaped like Supabase's
	@DOTBASE_TEST_TARGET=supabase DOTBASE_CLUSTER=test .venv/bin/python -m pytest -n 2 $(SUPABASE_TESTS)

# Of npm: without pg_cron and plpgsql_check, whose tests are skipped and counted.
ON_VERSION = DOTBASE_POSTGRES=$(CURDIR)/node_modules/postgresql-$(1)/native DOTBASE_CLUSTER=test$(1) \
	.venv/bin/python -m pytest -n 2 $(VERSION_ARGS)

test-pg17: node-packages ## The tests on PostgreSQL 17
	@$(call ON_VERSION,17)

test-pg18: node-packages ## The tests on PostgreSQL 18
	@$(call ON_VERSION,18)

test-pgbouncer: setup ## What clients do again, through PgBouncer in transaction mode
	@DOTBASE_CLUSTER=test .venv/bin/python -m pytest -n 2 --pgbouncer $(CLIENT_TESTS)

lint: setup ## sqlfluff, squawk, plpgsql_check, ruff, mypy --strict, import-linter
	@DOTBASE_CLUSTER=test $(DOTBASE) lint

bench: setup node-packages ## The measured claims of docs/, measured again
	@.venv/bin/python -m benchmarks $(BENCH_ARGS)

torture: setup ## kill -9 at random instants, many times
	@TORTURE=1 DOTBASE_CLUSTER=test .venv/bin/python -m pytest --kills 30 $(TORTURE_ARGS) \
		tests/torture tests/generator/test_migrate_kill.py

test-launcher: setup ## Nine minutes of pg_cron's real launcher: limits, slices, a kill -9, an outage
	@LAUNCHER=1 DOTBASE_CLUSTER=test .venv/bin/python -m pytest -n 0 tests/launcher

mutants: setup ## The apps weakened in one place at a time: does a test notice? Writes docs/mutants.md
	@.venv/bin/python -m tests.tools.mutants $(MUTANTS_ARGS)

lock: ## Write requirements.lock anew from pyproject.toml; LOCK_ARGS=--upgrade for newer versions
	@scripts/lock $(LOCK_ARGS)
