# SPDX-License-Identifier: Apache-2.0
#
# A thin face: each target installs what it needs (tools/setup), builds with a preset of
# CMakePresets.json and runs something. All that is built lies below build/.

JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local
SETUP  ?= tools/setup
# Arguments for `weft clients`, e.g. make run ARGS='--clients 2000 --models thread,fiber', and for
# bench/bars.py, e.g. make bench ARGS='--rounds 1', make bars ARGS=--all
ARGS   ?=
# Which bars to measure, a pattern on area or metric, e.g. make bars ONLY=foundation
ONLY   ?=
# How often `make soak` repeats the tests of the scheduler; all others a tenth as often
ROUNDS ?= 50
# For how long `make fuzz` runs each reader, and which, a pattern, e.g. make fuzz ONLY=workload
SECONDS ?= 60

MAKEFLAGS += --no-print-directory
report := build/report
format_files = $(shell git ls-files '*.h' '*.cpp')

.DEFAULT_GOAL := help
.PHONY: help cli run measure pool test bench bars soak test-asan test-tsan test-clang test-aarch64 coverage \
        fuzz install format tidy clean

help:
	@echo 'make run           10,000 clients under four models, one after the other, and what people say'
	@echo '                   of processes, threads and fibers, in short: tables and reports'
	@echo 'make measure       what people say of them, measured in full  (ARGS="--only fork")'
	@echo 'make pool          a PostgreSQL of its own and weft-pool before it; psql is all you need'
	@echo 'make test          build and run all tests'
	@echo 'make bench         our primitives and those of Go and Boost.Fiber, side by side'
	@echo 'make bars          what is promised, measured: holds or short   (ONLY=pattern)'
	@echo 'make install       install the library and the weft command     (PREFIX=/usr/local)'
	@echo
	@echo 'make test-asan     the tests under AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make test-tsan     the tests under ThreadSanitizer'
	@echo 'make test-clang    the tests built by clang, with its thread-safety analysis'
	@echo 'make test-aarch64  the tests for AArch64, under qemu'
	@echo 'make coverage      the tests, and which lines they ran: build/coverage/report'
	@echo 'make soak          100,000 clients; all tests at full length, and under both sanitizers many times'
	@echo '                   (ROUNDS=50)'
	@echo 'make fuzz          readers of files and messages on bytes of all kinds  (SECONDS=60)'
	@echo 'make format        format all C++ files'
	@echo 'make tidy          clang-tidy over all C++ files but tests'
	@echo 'make clean         remove build/'

# The configure step of a preset, and its output only if it fails.
build/%/build.ninja: CMakePresets.json
	@mkdir -p build/$*
	@cmake --preset $* > build/$*/configure.log 2>&1 || { cat build/$*/configure.log; exit 1; }
	@touch $@

define build
@cmake --build --preset $(1) -j $(JOBS) $(2)
endef

define build_and_test
$(call build,$(1))
@ctest --preset $(1) -j $(JOBS)
endef

.PHONY: setup-build setup-bench setup-aarch64 setup-ci
setup-build:
	@$(SETUP)
setup-%:
	@$(SETUP) $*

cli: setup-build
	@$(MAKE) build/release/build.ninja
	$(call build,release,--target weft_cli)
	@mkdir -p $(report)

run: cli
	@build/release/apps/cli/weft clients --json $(report)/clients.json \
	    --html $(report)/clients.html $(ARGS)
	@build/release/apps/cli/weft measure --quick --json $(report)/measure.json \
	    --html $(report)/measure.html
	@printf 'Report: $(CURDIR)/$(report)/%s\n' clients.html measure.html

measure: cli
	@build/release/apps/cli/weft measure --json $(report)/measure.json \
	    --html $(report)/measure.html $(ARGS)
	@echo 'Report: $(CURDIR)/$(report)/measure.html'

pool: setup-posix
	@$(MAKE) build/release/build.ninja
	$(call build,release,--target weft_pooler)
	@build/release/apps/pool/weft-pool --demo $(ARGS)

test: setup-build
	@$(MAKE) build/dev/build.ninja
	$(call build_and_test,dev)

test-asan test-tsan: setup-fuzz
	@$(MAKE) build/$(@:test-%=%)/build.ninja
	$(call build_and_test,$(@:test-%=%))

# Counts of an earlier run would be added to.
coverage: setup-coverage
	@$(MAKE) build/coverage/build.ninja
	@find build/coverage -name '*.gcda' -delete
	$(call build_and_test,coverage)
	@mkdir -p build/coverage/report
	@gcovr --root . --filter '(src|include|apps)/' --exclude '.*_(test|fixture)\.cpp' \
	    --exclude '.*_for_test\.h' --exclude-unreachable-branches --exclude-throw-branches \
	    --html-details build/coverage/report/index.html --print-summary build/coverage
	@echo 'Lines: $(CURDIR)/build/coverage/report/index.html'

test-clang: setup-ci
	@$(MAKE) build/clang/build.ninja
	$(call build_and_test,clang)

test-aarch64: setup-aarch64
	@$(MAKE) build/aarch64/build.ninja
	$(call build_and_test,aarch64)

bench: setup-bench
	@$(MAKE) build/release/build.ninja
	$(call build,release)
	@python3 bench/bars.py --table $(ARGS)

bars: setup-bench
	@$(MAKE) build/release/build.ninja
	$(call build,release)
	@python3 bench/bars.py $(if $(ONLY),--only '$(ONLY)') $(ARGS)

soak: setup-fuzz
	@$(MAKE) build/dev/build.ninja build/asan/build.ninja build/tsan/build.ninja
	$(call build,dev)
	@build/dev/apps/cli/weft clients --clients 100000 --models fiber,coroutine --duration 1
	@WEFT_SOAK=1 ctest --preset dev -j $(JOBS)
	$(call build,asan)
	$(call build,tsan)
	@ctest --preset tsan -j $(JOBS) -R '^weft_(sched|runtime)_test' -E RuntimeManyFibers \
	    --repeat until-fail:$(ROUNDS)
	@ctest --preset asan -j $(JOBS) --repeat until-fail:$$((($(ROUNDS) + 9) / 10))
	@ctest --preset tsan -j $(JOBS) --repeat until-fail:$$((($(ROUNDS) + 9) / 10))

# What is found is kept in build/fuzz/found, what leads further in build/fuzz/corpus.
fuzz: setup-fuzz
	@$(MAKE) build/fuzz/build.ninja
	$(call build,fuzz)
	@set -e; for program in build/fuzz/tests/fuzz/weft_*$(ONLY)*_fuzz; do \
	    name=$${program##*/weft_}; name=$${name%_fuzz}; \
	    dictionary=$$(ls tests/fuzz/$$name.dict 2>/dev/null || true); \
	    mkdir -p build/fuzz/found build/fuzz/corpus/$$name; \
	    $$program -max_total_time=$(SECONDS) -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
	        $${dictionary:+-dict=$$dictionary} -artifact_prefix=build/fuzz/found/$$name- \
	        -print_final_stats=1 -print_funcs=0 -verbosity=0 build/fuzz/corpus/$$name \
	        $$(cat build/fuzz/tests/fuzz/$$name.seeds); \
	done

install: setup-build
	@$(MAKE) build/release/build.ninja
	$(call build,release)
	@cmake --install build/release --prefix '$(PREFIX)'

format: setup-ci
	@clang-format-19 -i $(format_files)

tidy: setup-ci
	@$(MAKE) build/clang/build.ninja
	@run-clang-tidy-19 -quiet -p build/clang -j $(JOBS) '^$(CURDIR)/(src|apps|bench)/.*(?<!_test)(?<!_fixture)\.cpp$$'

clean:
	@rm -rf build
