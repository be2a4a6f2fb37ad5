# syntax=docker/dockerfile:1
#
#   docker build -t headrace .                                     the image
#   docker build --target sbom --output type=local,dest=. .        its bill of materials, sbom.cdx.json (CycloneDX)
#
# The base is pinned by version. Pin it by digest when you build for production (`docker buildx imagetools inspect` prints
# the digest of today): --build-arg PYTHON=python:3.12.11-slim-bookworm@sha256:...
ARG PYTHON=python:3.12.11-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/runtime.lock requirements/image.lock requirements/
RUN python -m venv /opt/headrace \
 && /opt/headrace/bin/pip install --require-hashes -r requirements/runtime.lock \
 && python -m venv /opt/tools \
 && /opt/tools/bin/pip install --require-hashes -r requirements/image.lock
COPY pyproject.toml README.md LICENSE headrace.py ./
COPY stream stream
COPY sinks sinks
COPY checkpoints checkpoints
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/headrace/bin/pip install --no-deps --no-index /dist/*.whl \
 && /opt/headrace/bin/pip uninstall --yes pip \
 && /opt/headrace/bin/python -m compileall -q /opt/headrace/lib

FROM build AS inventory
RUN /opt/tools/bin/cyclonedx-py environment --output-reproducible --of JSON -o /sbom.cdx.json /opt/headrace/bin/python

FROM scratch AS sbom
COPY --from=inventory /sbom.cdx.json /

FROM ${PYTHON} AS runtime
LABEL org.opencontainers.image.title="headrace" \
      org.opencontainers.image.description="Events in Kafka become tables in a warehouse, each exactly once" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing but /tmp needs to be writable; no step after this one, and nothing at run time, needs a shell.
ENV PATH=/opt/headrace/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 \
    HEADRACE_LIVEZ=http://127.0.0.1:9090/livez
COPY --from=build /opt/headrace /opt/headrace
USER 10001:10001
WORKDIR /tmp
EXPOSE 9090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(os.environ['HEADRACE_LIVEZ'], timeout=3)"]
ENTRYPOINT ["headrace"]
CMD ["run", "--http", ":9090"]
