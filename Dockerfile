# All programs of the suite in one image; each target is the same image with one of them as its program:
#   docker build --target redis-exporter -t redis-exporter .
# The base images are arguments, for builds from a mirror or without a registry.

ARG BUILD_IMAGE=docker.io/library/rust:1.95.0-bookworm
# glibc, CA certificates and time zones; no shell. It must have the build image's glibc or a newer one.
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:latest

FROM ${BUILD_IMAGE} AS build
# the image's own toolchain, not a download by rust-toolchain.toml, which also asks for developers' tools
ENV RUSTUP_TOOLCHAIN=1.95.0
WORKDIR /src
COPY . .
# no cache mounts, so that every builder understands it
# alertrouter apart: its threads would bring what the exporters do not need into them
RUN cargo build --release --locked --workspace --bins --exclude alertrouter --exclude xtask --exclude kit --exclude tests \
 && cargo build --release --locked --package alertrouter \
 && mkdir -p /out/bin /out/data \
 && find target/release -maxdepth 1 -type f -perm -u+x -exec cp {} /out/bin/ \;

FROM ${RUNTIME_IMAGE} AS programs
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Watchfire" \
      org.opencontainers.image.description="Prometheus exporters and an alert router" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/bin/ /usr/local/bin/
# what a program keeps; a volume mounted here gets this owner
COPY --from=build --chown=65532:65532 /out/data/ /var/lib/watchfire/
USER 65532:65532
WORKDIR /var/lib/watchfire

FROM programs AS redis-exporter
EXPOSE 9121
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/redis-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/redis-exporter"]

FROM programs AS postgres-exporter
EXPOSE 9187
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/postgres-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/postgres-exporter"]

FROM programs AS cert-exporter
EXPOSE 9219
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/cert-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/cert-exporter"]

FROM programs AS synthetic-exporter
EXPOSE 9115
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/synthetic-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/synthetic-exporter"]

FROM programs AS cost-exporter
EXPOSE 10099
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/cost-exporter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/cost-exporter"]

FROM programs AS alertrouter
EXPOSE 10093
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s CMD ["/usr/local/bin/alertrouter", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/alertrouter"]
