# The programs of the suite; each target is an image with one of them:
#   docker build --target redis-exporter -t redis-exporter .
# The base images are arguments, for builds from a mirror or without a registry; pin them by digest where you release.

ARG BUILD_IMAGE=docker.io/library/rust:1.95.0-bookworm
# glibc, CA certificates and time zones; no shell. It must have the build image's glibc or a newer one.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot
# Where the programs come from: the stage below, or an image that has them in /out/bin, beside an empty /out/data.
ARG PROGRAMS=build

FROM ${BUILD_IMAGE} AS build
# the image's own toolchain, not a download by rust-toolchain.toml, which also asks for developers' tools
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
# Each by itself: together, a crate that several use would get what only one of them needs. One step, so that what they
# share is built once; no cache mounts, so that every builder understands it.
RUN set -eu; \
    mkdir -p /out/bin /out/data; \
    for program in redis-exporter postgres-exporter cert-exporter synthetic-exporter cost-exporter alertrouter; do \
      cargo build --release --locked --package "$program"; \
      cp "target/release/$program" /out/bin/; \
    done; \
    rm -rf target

# hadolint ignore=DL3006
FROM ${PROGRAMS} AS programs

# hadolint ignore=DL3006
FROM ${RUNTIME_IMAGE} AS runtime
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.description="Prometheus exporters and an alert router" \
      org.opencontainers.image.source="https://github.com/watchfire/watchfire" \
      org.opencontainers.image.documentation="https://github.com/watchfire/watchfire/blob/main/deploy/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# what a program keeps; a volume mounted here gets this owner
COPY --from=programs --chown=65532:65532 /out/data/ /var/lib/watchfire/
USER 65532:65532
WORKDIR /var/lib/watchfire

FROM runtime AS redis-exporter
LABEL org.opencontainers.image.title="redis-exporter"
COPY --from=programs /out/bin/redis-exporter /usr/local/bin/
EXPOSE 9121
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/redis-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/redis-exporter"]

FROM runtime AS postgres-exporter
LABEL org.opencontainers.image.title="postgres-exporter"
COPY --from=programs /out/bin/postgres-exporter /usr/local/bin/
EXPOSE 9187
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/postgres-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/postgres-exporter"]

FROM runtime AS cert-exporter
LABEL org.opencontainers.image.title="cert-exporter"
COPY --from=programs /out/bin/cert-exporter /usr/local/bin/
EXPOSE 9219
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/cert-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/cert-exporter"]

FROM runtime AS synthetic-exporter
LABEL org.opencontainers.image.title="synthetic-exporter"
COPY --from=programs /out/bin/synthetic-exporter /usr/local/bin/
EXPOSE 9115
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/synthetic-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/synthetic-exporter"]

FROM runtime AS cost-exporter
LABEL org.opencontainers.image.title="cost-exporter"
COPY --from=programs /out/bin/cost-exporter /usr/local/bin/
EXPOSE 10099
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/cost-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/cost-exporter"]

FROM runtime AS alertrouter
LABEL org.opencontainers.image.title="alertrouter"
COPY --from=programs /out/bin/alertrouter /usr/local/bin/
EXPOSE 10093
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/alertrouter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/alertrouter"]
