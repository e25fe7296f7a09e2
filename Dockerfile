# One image for every role. It has Python, the program and what the program imports: no shell, no pip, no package manager
# of ours. Both bases can be replaced; they need the same minor version of Python, and the last one /usr/bin/python3.
ARG BUILD_BASE=docker.io/library/python:3.11-slim-bookworm
ARG BASE=gcr.io/distroless/python3-debian12

FROM ${BASE} AS base

FROM ${BUILD_BASE} AS build
# What would differ between two builds: the order in sets, the time in files, who may read them.
ENV PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements.lock ./
COPY tools/locked.py tools/trim.py tools/sbom.py tools/debian.py tools/
# Compiled beforehand and never checked against the source: nothing is written when it runs.
RUN umask 022 \
 && python3 tools/locked.py hatchling > build.txt && python3 tools/locked.py modelfleet > run.txt \
 && python3 -m pip install -q --only-binary :all: --require-hashes --no-compile --no-deps --target /tools -r build.txt \
 && python3 -m pip install -q --only-binary :all: --require-hashes --no-compile --no-deps --target /opt/modelfleet/lib -r run.txt \
 && python3 tools/trim.py /opt/modelfleet \
 && python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash /opt/modelfleet/lib
COPY pyproject.toml LICENSE README.md ./
COPY operator operator
ARG BASE
ARG SOURCE_DATE_EPOCH=315532800
RUN --mount=type=bind,from=base,target=/base umask 022 \
 && PYTHONPATH=/tools python3 -m pip wheel -q --no-build-isolation --no-index --no-deps --wheel-dir /wheel . \
 && python3 -m pip install -q --no-index --no-deps --no-compile --target /opt/modelfleet/lib /wheel/*.whl \
 && python3 tools/trim.py /opt/modelfleet \
 && python3 -m tools.sbom /opt/modelfleet/lib --base "${BASE}" --root /base > /opt/modelfleet/sbom.cdx.json \
 && python3 -m compileall -q -j 1 --invalidation-mode unchecked-hash /opt/modelfleet/lib/modelfleet \
 && chmod -R u+rwX,go+rX,go-w /opt/modelfleet \
 && mkdir -p /image/opt && mv /opt/modelfleet /image/opt/ \
 && find /image -exec touch -h -d "@${SOURCE_DATE_EPOCH}" {} +

# First what differs with each commit, so that nothing behind it comes from an older build. The version and the commit are
# labels that tools/image.py gives: a builder may keep a LABEL of arguments though their values have changed.
FROM base
# With the folders above it: a folder that a builder makes has the time of the build.
COPY --from=build /image /
LABEL org.opencontainers.image.title="modelfleet" \
      org.opencontainers.image.description="Operator, control plane and simulated engine of modelfleet" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/modelfleet/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/modelfleet/lib \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 65532:65532
WORKDIR /
ENTRYPOINT ["modelfleet"]
CMD ["--help"]
