# Everything inside: no download at run time, no write outside /tmp.
#   docker build -t lobbylens .
#   docker run -e LOBBYLENS_API_TOKEN=… -e LOBBYLENS_MEDIA__PUBLIC_ADDRESSES=192.0.2.10 \
#     -p 8080:8080 -p 50000-50099:50000-50099/udp lobbylens --tls self-signed
FROM python:3.12-slim-bookworm

RUN apt-get update \
 && apt-get install -y --no-install-recommends tesseract-ocr-eng=1:4.1.0-2 \
      fonts-noto-core=20201225-1 fonts-noto-cjk=1:20220127+repack1-1 \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements.txt \
 && useradd --system --uid 10001 --no-create-home lobbylens
COPY server.py ./
COPY core ./core
COPY pipeline ./pipeline
COPY media ./media
COPY signaling ./signaling
COPY static ./static
COPY templates ./templates
COPY models ./models

USER lobbylens
# Containers serve on every address, and so need LOBBYLENS_API_TOKEN: without it the server
# says so and stops.
ENV LOBBYLENS_HOST=0.0.0.0 \
    LOBBYLENS_PORT=8080 \
    LOBBYLENS_MEDIA__UDP_PORTS=50000-50099 \
    LOBBYLENS_LOG_FORMAT=json \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
EXPOSE 8080/tcp 50000-50099/udp
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 \
  CMD ["python", "server.py", "--health"]
ENTRYPOINT ["python", "server.py"]
