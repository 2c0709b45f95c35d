# SPDX-License-Identifier: Apache-2.0
# Cascade and the bundled model on an empty base: two programs, the libraries that they load, and a bill of
# materials, sbom.spdx.json. No shell, no package manager.
#
#   docker build -t cascade .                              or, for another processor: --platform linux/arm64
#   docker run --rm -p 50051:50051 --read-only --cap-drop all --security-opt no-new-privileges cascade
#
# Another model: -v /path/to/gpt2:/model:ro, and the argument --model=/model. Arguments are added to
# the entry point's, and a later flag wins. With TLS, the health check needs CASCADE_TLS and CASCADE_CA.
#
# scripts/build_image.sh builds the same bytes again from the same commit and the same Debian packages.

# On the machine's own processor, for the image's: linux/amd64 and linux/arm64. (Docker sets the first argument
# by itself; podman of Debian 12 does not.)
ARG BUILDPLATFORM
FROM --platform=$BUILDPLATFORM debian:bookworm-slim AS build
ARG TARGETARCH
WORKDIR /src
COPY scripts/install_packages.sh scripts/
RUN if [ "${TARGETARCH:-amd64}" = arm64 ] && [ "$(dpkg --print-architecture)" != arm64 ]; then \
      dpkg --add-architecture arm64 && scripts/install_packages.sh cross image; \
    else \
      scripts/install_packages.sh build image; \
    fi \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY CMakeLists.txt CMakePresets.json LICENSE README.md CHANGELOG.md ./
COPY cmake cmake
COPY deploy deploy
COPY proto proto
COPY model model
COPY server server
COPY tools tools
COPY tests/golden/tales-7m tests/golden/tales-7m
RUN if command -v aarch64-linux-gnu-g++ > /dev/null; then \
      set -- -DCASCADE_SYSROOT=/ -DCMAKE_TOOLCHAIN_FILE=cmake/toolchains/aarch64-linux-gnu.cmake; \
    fi \
    && cmake --preset release -DCASCADE_BUILD_TESTS=OFF "$@" \
    && cmake --build --preset release --target cascade-server cascade \
    && cmake --install build --prefix /install --strip
COPY scripts/image_root.sh scripts/sbom.sh scripts/
ARG SOURCE_DATE_EPOCH=0
RUN scripts/image_root.sh /install /image \
    && scripts/sbom.sh /image > /image/sbom.spdx.json

FROM scratch
COPY --from=build /image /
COPY --from=build /install/share/cascade/models /models
ENV PATH=/usr/bin

# By number: Kubernetes' runAsNonRoot cannot check a name. Nothing is written at run time.
USER 10001:10001
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["/usr/bin/cascade", "health", "--timeout=2s"]
ENTRYPOINT ["/usr/bin/cascade-server", "--model=/models/tales-7m", "--listen=0.0.0.0:50051"]
