# SPDX-License-Identifier: Apache-2.0
# make run and make test are all that a fresh Debian 12 machine needs.
SHELL := /bin/bash
JOBS ?= $(shell nproc)
BUILD := build/release
LOG ?=

.PHONY: help build run test unit conformance crash blueprints check bench format clean

help:
	@echo 'make run [LOG=FILE]  build, start Suiro and run the access-log blueprint on real input'
	@echo 'make test            build and run every test'
	@echo 'make build           leaves the binary at $(BUILD)/suiro'
	@echo 'make bench           the side-by-side measurements (installs the rivals)'
	@echo 'make check           the rules of the house; make format lays sources out'

build:
	@tools/setup/install.sh build
	@test -f $(BUILD)/build.ninja || cmake --preset release
	@ninja -C $(BUILD) -j$(JOBS) suiro
	@ls -lh $(BUILD)/suiro | awk '{print "built " $$9 " (" $$5 ")"}'

run:
	@tools/setup/install.sh run
	@$(MAKE) --no-print-directory build
	@blueprints/access-log/run $(if $(LOG),--log '$(LOG)')

test:
	@tools/setup/install.sh test
	@tools/test.sh

unit conformance crash blueprints:
	@tools/setup/install.sh test
	@tools/test.sh $@

check:
	@tools/check/check.py

bench:
	@tools/setup/install.sh bench
	@bench/run

format:
	@clang-format-19 -i $$(git ls-files '*.h' '*.cc' '*.c')

clean:
	rm -rf build
