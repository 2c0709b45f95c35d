# SPDX-License-Identifier: Apache-2.0
# Cascade and the bundled model on an empty base: two programs, the libraries that they load, and a bill of
# materials, sbom.spdx.json. No shell, no package manager.
#
#   docker build -t cascade .                              or, for another processor: --platform linux/arm64
#   docker run --rm -p 50051:50051 --read-only --cap-drop all --security-opt no-new-privileges cascade
#
# Another model: -v /path/to/gpt2:/model:ro, and -e CASCADE_MODEL=/model, or the argument --model=/model. To change
# the address, set the variable, -e CASCADE_LISTEN=0.0.0.0:8000: the health check reads it, and cannot see the
# server's arguments. With TLS, the health check needs CASCADE_TLS and CASCADE_CA.
#
# Built on Debian 12, or with --build-arg DEBIAN=trixie on Debian 13. scripts/install_packages.sh lists the packages.
#
# scripts/build_image.sh builds the same bytes again from the same commit and the same Debian packages.

# On the machine's own processor, for the image's: linux/amd64 and linux/arm64. (Docker sets the first argument
# by itself; podman of Debian 12 does not.)
ARG BUILDPLATFORM
ARG DEBIAN=bookworm
FROM --platform=$BUILDPLATFORM debian:$DEBIAN-slim AS build
ARG TARGETARCH
WORKDIR /src
COPY scripts/install_packages.sh scripts/
RUN if [ "${TARGETARCH:-amd64}" = arm64 ] && [ "$(dpkg --print-architecture)" != arm64 ]; then \
      dpkg --add-architecture arm64 && scripts/install_packages.sh cross image cache; \
    else \
      scripts/install_packages.sh build image cache; \
    fi \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY CMakeLists.txt CMakePresets.json LICENSE NOTICE README.md CHANGELOG.md ./
COPY cmake cmake
COPY deploy deploy
COPY proto proto
COPY model model
COPY spelling spelling
COPY server server
COPY client client
COPY tools tools
COPY tests/golden/tales-7m tests/golden/tales-7m
# What was compiled before is kept on the machine that builds, not in a layer.
ARG REVISION=
RUN --mount=type=cache,target=/ccache \
    export CCACHE_DIR=/ccache; \
    if command -v aarch64-linux-gnu-g++ > /dev/null; then \
      set -- -DCASCADE_SYSROOT=/ -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/aarch64-linux-gnu.cmake; \
    fi \
    && cmake --preset release -DCMAKE_CXX_COMPILER_LAUNCHER=ccache -DCASCADE_BUILD_TESTS=OFF "-DCASCADE_COMMIT=$REVISION" \
      "$@" \
    && cmake --build --preset release --target cascade-server cascade \
    && cmake --install build --prefix /install --strip
COPY scripts/image_root.sh scripts/sbom.sh scripts/
ARG SOURCE_DATE_EPOCH=0
RUN scripts/image_root.sh /install /image \
    && scripts/sbom.sh /image > /image/sbom.spdx.json

FROM scratch
COPY --from=build /image /
COPY --from=build /install/share/cascade/models /models
# Flags are the server's variables, which its arguments go before; the health check reads the address too.
ENV PATH=/usr/bin \
    CASCADE_MODEL=/models/tales-7m \
    CASCADE_LISTEN=0.0.0.0:50051

# scripts/build_image.sh says from which commit.
ARG REVISION=
LABEL org.opencontainers.image.title="cascade" \
      org.opencontainers.image.description="GPT-2 text generation over gRPC, on CPUs, with a small model" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.3.0" \
      org.opencontainers.image.revision="$REVISION"

# By number: Kubernetes' runAsNonRoot cannot check a name. Nothing is written at run time.
USER 10001:10001
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["/usr/bin/cascade", "health", "--timeout=2s"]
ENTRYPOINT ["/usr/bin/cascade-server"]
