# `make` alone lists the commands.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
VENV_TRAIN := .venv-train
TRAIN := OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=0 $(VENV_TRAIN)/bin/python
PY := $(VENV)/bin/python
# Tests import NumPy before what keeps its threads from spinning, two of them at a time.
TEST := OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -q
HOST ?= 127.0.0.1
PORT ?= 8080

# What running needs beyond Python packages, and what tests need on top, as Debian packages.
RUN_PACKAGES := python3-venv tesseract-ocr-eng fonts-noto-core fonts-noto-cjk
TEST_PACKAGES := chromium firefox-esr tesseract-ocr fonts-ocr-b fonts-dejavu-core fonts-liberation poppler-utils coturn nginx libatomic1 \
	libpdfbox2-java libcommons-logging-java libcommons-io-java libactivation-java libjaxb-api-java

.PHONY: help setup setup-test run demo test test-thorough lint format types bench schema screens lock clean train-corners train-mrz train-tessdata train-smoke evaluate

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.run ## make .venv with all that running needs

setup-test: $(VENV)/.test ## the same with all that the tests need

$(VENV)/.run: requirements.txt
	@sh .ci/python $(PYTHON)
	@sh .ci/packages $(RUN_PACKAGES)
	@sh .ci/venv $(PYTHON) $(VENV) requirements.txt
	@touch $@

$(VENV)/.test: requirements-dev.txt examples/package-lock.json $(VENV)/.run
	@sh .ci/packages $(TEST_PACKAGES)
	@command -v java >/dev/null || sh .ci/packages default-jre-headless
	@command -v npm >/dev/null || sh .ci/packages nodejs npm # not beside a Node from elsewhere
	@sh .ci/venv $(PYTHON) $(VENV) requirements-dev.txt
	@npm ci --prefix examples --ignore-scripts --silent
	@touch $@

run: setup ## serve http://127.0.0.1:8080/ (HOST=, PORT=)
	@$(PY) server.py --host $(HOST) --port $(PORT) --page.specimen

demo: setup ## a peer without a screen: prints the messages, leaves the card in out/
	@$(PY) -m examples.demo

test: setup-test lint types ## lint, types, unit tests, real peers and a real browser
	@$(TEST) -n 2 --dist loadfile --ignore tests/media --ignore tests/live --ignore tests/browser
	@$(TEST) -n 2 --dist loadfile tests/browser
	@$(TEST) -n 2 --dist loadfile -m "not quiet and not thorough" tests/media tests/live
	@$(TEST) -m "quiet and not thorough" tests/media tests/live

test-thorough: setup-test ## what takes minutes by itself: every screen in every look, further cases
	@$(TEST) -m thorough

lint: setup-test ## ruff, on code and its form
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .

format: setup-test ## put the code into shape
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

types: setup-test ## mypy --strict
	@$(VENV)/bin/mypy .

bench: setup-test ## latency of overlays and results in a real browser
	@$(PY) -m benchmarks.latency

schema: setup-test ## write docs/protocol.schema.json, docs/reference.md and static/embed.d.ts from the code
	@$(PY) -m media.schema docs/protocol.schema.json
	@$(PY) -m media.typescript static/embed.d.ts
	@$(PY) -m signaling.reference docs/reference.md

screens: setup-test ## pictures of every screen in three sizes, in docs/screens/
	@$(PY) -m tests.browser.screens docs/screens

train-corners: $(VENV_TRAIN)/.done ## compose scenes, train the corner detector, export it (hours)
	$(TRAIN) -m models.training.fetch_assets
	$(TRAIN) -m models.training.dataset --shards 40
	$(TRAIN) -m models.training.train_corners
	$(TRAIN) -m models.training.export_corners

train-mrz: $(VENV_TRAIN)/.done ## compose lines, train the reader of the zone, export it (an hour)
	$(TRAIN) -m models.training.line_scenes --shards 24 --lines 2000
	$(TRAIN) -m models.training.line_scenes --folder .cache/train/mrz-validation --first 100000 --shards 1 --lines 800
	$(TRAIN) -m models.training.train_mrz
	$(TRAIN) -m models.training.export_mrz

train-tessdata: setup-test ## train Tesseract on composed lines, export it if better than eng (hours)
	@$(PY) -m models.training.train_tessdata
	@$(PY) -m models.training.export_tessdata

train-smoke: $(VENV_TRAIN)/.done ## every step of the training on a few pictures (minutes)
	$(TRAIN) -m models.training.smoke

evaluate: setup-test ## score the corner detector on composed scenes it never saw
	@$(PY) -m models.training.evaluate_corners

$(VENV_TRAIN)/.done: requirements-train.txt
	@$(PYTHON) -m venv $(VENV_TRAIN)
	@$(TRAIN) -m pip install --quiet --disable-pip-version-check -r requirements-train.txt
	@touch $@

lock: ## write the lock files anew (needs uv)
	uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --universal --no-annotate --no-header -q -o requirements.txt
	uv pip compile pyproject.toml --extra test --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --python-version 3.11 --universal --no-annotate --no-header -q -o requirements-dev.txt

clean: ## remove what was made here
	rm -rf $(VENV) out .pytest_cache .mypy_cache .ruff_cache .hypothesis
