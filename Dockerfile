# The demo in a container:
#
#     docker build -t cmfq .
#     docker run --rm -v "$PWD/runs:/cmfq/runs" cmfq
#
# trains CMFQ, plays, and leaves runs/demo/report.html. Any other command: docker run --rm cmfq cmfq --help
FROM python:3.11-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /cmfq
# The CPU build of torch is a quarter of the size of the default one.
RUN pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu 'torch==2.13.0'
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY src src
RUN pip install --no-cache-dir --constraint constraints.txt '.[all]'
COPY Makefile ./

# Without a virtual environment: the commands of `make demo` are on the path already.
CMD ["make", "demo", "READY=", "BIN=/usr/local/bin"]
