# Two images from one file: `web` runs everything that is Django and the Prefect server,
# `worker` runs workflows and holds the engine only.
FROM python:3.11-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    PREFECT_HOME=/var/lib/flowadmin/prefect FLOWADMIN_HOME=/var/lib/flowadmin
WORKDIR /srv/flowadmin
RUN useradd --system --uid 10001 flowadmin \
    && mkdir -p /var/lib/flowadmin/keys /var/lib/flowadmin/checkpoints /var/lib/flowadmin/prefect \
    && chown -R flowadmin /var/lib/flowadmin

FROM base AS worker
COPY requirements-worker.txt .
RUN pip install -r requirements-worker.txt
COPY engine engine
USER flowadmin
ENV FLOWADMIN_POOL_KEYS=/var/lib/flowadmin/keys
ENTRYPOINT ["python", "-m", "engine.worker"]
CMD ["--pool", "default-agent-pool", "--pool", "etl-pool", "--pool", "high-memory-pool"]

FROM base AS web
COPY requirements.txt .
RUN pip install -r requirements.txt
COPY manage.py ./
COPY engine engine
COPY workers workers
COPY workflows workflows
COPY flowadmin flowadmin
COPY templates templates
COPY static static
COPY samples samples
ENV FLOWADMIN_STATIC_ROOT=/srv/flowadmin/collected
RUN python manage.py collectstatic --noinput -v0
USER flowadmin
ENV FLOWADMIN_POOL_KEYS=/var/lib/flowadmin/keys
EXPOSE 8000
CMD ["granian", "--interface", "asgi", "--host", "0.0.0.0", "--port", "8000", \
     "--backlog", "4096", "--backpressure", "4096", "flowadmin.asgi:application"]
