# SPDX-License-Identifier: Apache-2.0
# Cascade and the bundled model, in two stages: what builds it is not in what runs it.
#
#   docker build -t cascade .
#   docker run --rm -p 50051:50051 --read-only --cap-drop all --security-opt no-new-privileges cascade
#
# Another model: -v /path/to/gpt2:/model:ro, and the argument --model=/model. Arguments are added to
# the entry point's, and a later flag wins.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY scripts/install_packages.sh scripts/
RUN scripts/install_packages.sh build && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY CMakeLists.txt CMakePresets.json LICENSE README.md CHANGELOG.md ./
COPY cmake cmake
COPY deploy deploy
COPY proto proto
COPY model model
COPY server server
COPY tools tools
COPY tests/golden/tales-7m tests/golden/tales-7m
RUN cmake --preset release -DCASCADE_BUILD_TESTS=OFF \
    && cmake --build --preset release --target cascade-server cascade \
    && cmake --install build --prefix /install --strip

FROM debian:bookworm-slim
RUN apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
       libgrpc++1.51 libprotobuf32 libabsl20220623 libhwy1 libpcre2-8-0 libspdlog1.10 libutf8proc2 libxxhash0 \
       libmicrohttpd12 libprometheus-cpp-core1.0 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin cascade
COPY --from=build /install/bin /usr/local/bin
COPY --from=build /install/share/doc /usr/local/share/doc
COPY --from=build /install/share/cascade/models /models

# By number: Kubernetes' runAsNonRoot cannot check a name. Nothing is written at run time.
USER 10001:10001
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["cascade", "health", "--timeout=2s"]
ENTRYPOINT ["cascade-server", "--model=/models/tales-7m", "--listen=0.0.0.0:50051"]
