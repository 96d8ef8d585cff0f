# The image of worker, beat, Flower and the command line.
FROM python:3.11-slim AS build
WORKDIR /src
# Every wheel of the lock is fetched and its hash compared; those of the test tools stay behind in this stage.
COPY requirements.lock ./
RUN pip download --no-cache-dir --require-hashes --only-binary :all: --dest /wheels --requirement requirements.lock
COPY . .
# From here on there is no index: the project and what it needs can only come from the wheels that passed.
RUN python -m venv /opt/vitec-sync \
    && /opt/vitec-sync/bin/pip install --no-cache-dir --no-index --find-links /wheels .

FROM python:3.11-slim
COPY --from=build /opt/vitec-sync /opt/vitec-sync
COPY alembic.ini /app/
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin vitec-sync \
    && install --directory --owner vitec-sync --mode 0700 /var/lib/vitec-sync
ENV PATH=/opt/vitec-sync/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    STATE_DIR=/var/lib/vitec-sync
WORKDIR /app
USER vitec-sync
CMD ["celery", "-A", "worker", "worker"]
