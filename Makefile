# SPDX-License-Identifier: Apache-2.0
# What people and CI type; `make` alone tells what there is. CMake does the building.

MODEL  ?= deploy/models/tales-7m
LISTEN ?= localhost:50051
ARGS   ?=
JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local
RELEASE ?= bookworm

# Brings the packages that are missing. INSTALL=true for who looks after them by other means.
INSTALL ?= scripts/install_packages.sh

ifneq ($(shell command -v ccache),)
export CMAKE_CXX_COMPILER_LAUNCHER ?= ccache
# Or it would not keep what is compiled with precompiled headers.
export CCACHE_SLOPPINESS ?= pch_defines,time_macros
endif

.DEFAULT_GOAL := help
.PHONY: help build run install deb test checkpoints asan tsan aarch64 soak hostile bench bench-peers \
        bench-load format lint ci readme-test proto-lint contract-page prometheus-test gateway-test traces-test interop-test eval-test operations-test image-test deb-test \
        manifests-test kubernetes-test fresh-test modern-test clean

help:  ## Show this
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  make run MODEL=folder LISTEN=host:port ARGS="--threads=4" serves something else.'

build:  ## Build the server and the client: build/bin/cascade-server, build/bin/cascade
	@$(INSTALL) build test
	@test -f build/build.ninja || cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target cascade-server cascade

run: build  ## Serve the bundled model on localhost:50051
	build/bin/cascade-server --model=$(MODEL) --listen=$(LISTEN) $(ARGS)

install: build  ## Install programs, model and systemd unit below PREFIX (/usr/local)
	cmake --install build --prefix $(PREFIX)

deb: build  ## Make a Debian package of the same: build/package/cascade_*.deb
	@$(INSTALL) package
	cpack --config build/CPackConfig.cmake

test:  ## Build everything and run every test
	@$(INSTALL) build test
	@test -f build/build.ninja || cmake --preset release
	cmake --build --preset release --parallel $(JOBS)
	ctest --preset release --parallel $(JOBS)

checkpoints: test  ## Climb the ladder of model checkpoints
	ctest --preset release --label-regex checkpoint

asan:  ## Build and test under AddressSanitizer and UBSan, the fuzzers included
tsan:  ## Build and test all that runs without gRPC under ThreadSanitizer
asan tsan:
	@$(INSTALL) build test sanitize
	@test -f build/$@/build.ninja || cmake --preset $@
	cmake --build --preset $@ --parallel $(JOBS)
	ctest --preset $@ --parallel $(JOBS)

aarch64:  ## Cross-build model and engine for 64-bit ARM and test them under emulation
	@$(INSTALL) build aarch64
	JOBS=$(JOBS) scripts/aarch64_test.sh

soak: export SOAK_SECONDS ?= 1800
soak:  ## Attack a server for SOAK_SECONDS (30 minutes); fails if anything is lost
	@$(INSTALL) build test
	@test -f build/build.ninja || cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target soak_test
	build/tests/soak_test

hostile: export HOSTILE_SECONDS ?= 10
hostile:  ## Attack a server in every way we know, HOSTILE_SECONDS each; print a table; fail if a bound breaks
	@$(INSTALL) build test
	@test -f build/build.ninja || cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target hostile_test
	build/tests/hostile_test

bench:  ## Measure kernels and whole models, in about ten minutes (MODELS, WEIGHTS, THREADS)
	@$(INSTALL) build test bench
	@test -f build/bench/build.ninja || cmake --preset bench
	cmake --build --preset bench --parallel $(JOBS) --target benchmarks
	scripts/bench.sh build/bench

bench-peers:  ## Race llama.cpp, PyTorch and others, in half an hour (ARGS="--quick")
	@$(INSTALL) build test bench peers
	@test -f build/bench/build.ninja || cmake --preset bench
	cmake --build --preset bench --parallel $(JOBS) --target model_bench
	tests/bench/peers/run_peers.py $(ARGS)

bench-load: build  ## Load the server and llama.cpp's, by turns, in twenty minutes (ARGS="--quick")
	@$(INSTALL) peers
	tests/bench/load/run_load.py $(ARGS)

format:  ## Rewrite the C++ sources in the house's format
	@$(INSTALL) lint
	scripts/lint.sh format

lint:  ## Check format, tests/lint, shellcheck and clang-tidy (FILES="a.cc b.cc", SINCE=commit, or all)
	@$(INSTALL) build test lint
	@test -f build/build.ninja || cmake --preset release
	cmake --build --preset release --parallel $(JOBS)  # for what is generated
	JOBS=$(JOBS) scripts/lint.sh $(if $(SINCE),since $(SINCE),check $(FILES))

ci:  ## All that a change must pass: format, includes, release, asan, tsan and aarch64
	.ci/run

readme-test: build  ## Run every command of the README (Python and grpcurl need pip and go)
	scripts/install_clients.sh build/clients
	PATH="$(CURDIR)/build/clients/bin:$$PATH" scripts/readme_test.sh build/bin grpcurl python go gateway

prometheus-test: build  ## Try metrics, alerts and dashboard on a real Prometheus (needs it, curl and python3)
	scripts/prometheus_test.sh build/bin

traces-test: build  ## Try the traces on a real OpenTelemetry collector (needs go, curl and pip)
	scripts/install_clients.sh build/clients
	scripts/traces_test.sh build/bin build/clients

interop-test: build  ## Try the client programs of all languages whose toolchains are here (fetches their packages)
	cmake --build --preset release --parallel $(JOBS) --target interop_program
	tests/interop/interop_test.sh build/bin build/interop

gateway-test: build  ## Try a real SMG gateway in front of two servers (needs curl, protoc and pip)
	scripts/gateway_test.sh build/bin build/gateway

eval-test: build  ## Run tasks of lm-evaluation-harness on the bundled model (needs pip and 8 GB of disk)
	scripts/eval_test.sh build/bin build/eval

proto-lint:  ## Check the contract with buf: its rules, and what broke since SINCE, main (needs pip and go)
	scripts/install_clients.sh build/clients
	build/clients/bin/buf lint proto
	build/clients/bin/buf breaking proto --against '.git#ref=$(or $(SINCE),main),subdir=proto'

contract-page:  ## Write the contract as a page, build/contract.html (needs protoc and go)
	scripts/install_clients.sh build/clients
	protoc --plugin=build/clients/bin/protoc-gen-doc -I proto --doc_out=build --doc_opt=html,contract.html \
	  cascade/v1/text_generation.proto

image-test:  ## Build the container image on RELEASE, run it locked down, and talk to it
	RELEASE=$(RELEASE) scripts/image_test.sh

deb-test: deb  ## Install the Debian package in a bare Debian, and run it (needs root and mmdebstrap)
	scripts/deb_test.sh build/package

manifests-test:  ## Check the Kubernetes manifests against the API's types (needs npm and go)
	scripts/install_clients.sh build/clients kustomize
	scripts/manifests_test.sh

kubernetes-test:  ## Apply the Kubernetes manifests to a real API server (needs go, pip, openssl)
	scripts/install_clients.sh build/clients
	scripts/install_kubernetes.sh build/clients
	scripts/kubernetes_test.sh build/clients

operations-test: build  ## Run the commands of deploy/README.md (needs openssl, curl, prometheus)
	scripts/operations_test.sh build/bin

fresh-test:  ## make run and make test in a bare RELEASE: bookworm, trixie, noble (needs root and mmdebstrap)
	JOBS=$(JOBS) scripts/fresh_test.sh $(RELEASE)

modern-test:  ## Build and test on the gRPC of Debian's experimental suite (needs root and mmdebstrap)
	JOBS=$(JOBS) scripts/modern_test.sh

clean:  ## Remove everything that was built
	rm -rf build
