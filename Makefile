# Needs Python 3.11 or 3.12 and make, nothing else. `make help` lists the targets.

# Else its commands report to their makers.
export BENTOML_DO_NOT_TRACK := True

TARGETS := openvino onnx cuda cuda-onnx mmocr-onnx mmocr
VENV := .venv
TEST_VENV := .venv-test
FUZZ_VENV := .venv-fuzz
MMOCR_VENV := .venv-mmocr
AIGES_VENV := .venv-aiges
LOCK_VENV := .venv-lock

# The bento to build, which any environment can: openvino, unless another TARGET is asked for.
BUILT := $(or $(TARGET),openvino)

# The requirements to install, a file of requirements/: what is installed already, else openvino, or onnx where
# OpenVINO has no wheel.
INSTALLED := $(patsubst $(VENV)/%.installed,%,$(firstword $(wildcard $(VENV)/*.installed)))
ifneq (,$(INSTALLED))
BEFORE := $(INSTALLED)
TARGET ?= $(BEFORE)
ifneq (works,$(shell $(VENV)/bin/python -c 'import pip; print("works")' 2>/dev/null))
$(info The environment in $(VENV) is broken, as when its Python was updated or removed: it is made anew)
$(shell rm -f $(VENV)/*.installed)
INSTALLED :=
endif
else ifeq (yes,$(shell case "$$(uname -sm)" in ("Linux x86_64"|"Darwin arm64") echo yes;; \
	("Linux aarch64") printf 'glibc 2.35\n%s\n' "$$(getconf GNU_LIBC_VERSION)" | sort -CV && echo yes;; esac))
TARGET ?= openvino
else
TARGET ?= onnx
endif

# The first Python that fits, found by running it: a name on the path may be an empty shim.
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
ifndef PYTHON
PYTHON := $(shell for python in python3.12 python3.11 python3; do \
	$$python -c '$(FITS)' 2>/dev/null && echo $$python && break; done)
endif

.PHONY: help setup models serve doctor bento image push manifest dockerfile image-test key test test-fast test-mmocr test-aiges format lint bench soak fuzz replicas screenshots lock \
	platforms sbom audit clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/$(TARGET).installed ## make the environment of TARGET (openvino, onnx, cuda, cuda-onnx, mmocr-onnx, mmocr) in .venv; fetch MODEL
	@cmp -s deploy/bentoml.sh $(VENV)/bin/bentoml || install -m 755 deploy/bentoml.sh $(VENV)/bin/bentoml
	$(if $(MODEL),@$(FETCH))

models: $(if $(INSTALLED),,setup) ## the models that can be read with; MODEL=korean fetches one into models/
	@$(FETCH)
FETCH = $(VENV)/bin/python -m fetch $(MODEL) $(if $(filter cuda,$(TARGET)),--paddle)

serve: setup key ## serve on port 8000, with a fresh key in .env if there is none
	@exec $(VENV)/bin/python -m start

doctor: setup ## what to send with a report: processor, packages, card, and how each runner does on a known picture
	@$(VENV)/bin/python -m doctor

bento: $(if $(INSTALLED),,setup) $(if $(MODEL),models) ## build the bento of TARGET, with the models in models/; `bentoml serve` and `bentoml containerize` take it
	@tag=$$($(BENTOML) build --output tag --bentofile $(BENTOFILE) . | sed -n 's/^__tag__://p') && test -n "$$tag" && \
	printf '%s\n' "Built $$tag, which $(VENV)/bin/bentoml serve $$tag serves from any folder." \
	"For an image: make image$(if $(filter openvino,$(BUILT)),, TARGET=$(BUILT)), or $(VENV)/bin/bentoml containerize $$tag"
# BentoML gives its commands --quiet twice, and click warns of it
BENTOML = PYTHONWARNINGS="ignore:The parameter --quiet:UserWarning" $(abspath $(VENV))/bin/python -m bentoml
BENTOFILE = $(if $(filter openvino,$(BUILT)),bentofile.yaml,deploy/bentofile.$(BUILT).yaml)

# From the folder of temporary files: BentoML reads a Dockerfile's template only below the folder it is started in.
# In Docker's format, with podman and buildah too: the other one has no health check.
image: bento ## make the image mtphotos-ocr:TARGET with CONTAINER (docker, podman or buildah)
	@cd "$${TMPDIR:-/tmp}" && BUILDAH_FORMAT=docker $(BENTOML) containerize $(BENTO):latest --backend $(CONTAINER) \
	-t mtphotos-ocr:$(BUILT) -t mtphotos-ocr:$(VERSION)-$(BUILT) $(if $(filter openvino,$(BUILT)),-t mtphotos-ocr:latest) \
	$(IMAGE_ARGS)
BENTO = $(if $(filter openvino,$(BUILT)),mtphotos-ocr,mtphotos-ocr-$(BUILT))
CONTAINER ?= $(or $(firstword $(foreach tool,docker podman buildah,$(notdir $(shell command -v $(tool))))),docker)
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

push: image ## put the image of TARGET into REGISTRY (such as ghcr.io/OWNER), named after this processor
	$(CONTAINER) tag mtphotos-ocr:$(BUILT) $(PUSHED)-$(shell uname -m)
	$(CONTAINER) push $(PUSHED)-$(shell uname -m)
PUSHED = $(shell printf %s "$(or $(REGISTRY),$(error REGISTRY is not set))" | tr A-Z a-z)/mtphotos-ocr:$(VERSION)-$(BUILT)

manifest: ## one name in REGISTRY for the images of TARGET that x86-64 and ARM64 have pushed (docker)
	docker buildx imagetools create -t $(PUSHED) -t $(dir $(PUSHED))mtphotos-ocr:$(BUILT) $(PUSHED)-x86_64 $(PUSHED)-aarch64

dockerfile: $(TEST_VENV)/test.installed ## deploy/Dockerfile, for machines with Docker alone, from the template of the bentos
	$(TEST_VENV)/bin/python -m deploy.dockerfile

image-test: image $(TEST_VENV)/test.installed ## make the image and use it: photos, restarts, stops, no memory
	CONTAINER=$(CONTAINER) IMAGE=mtphotos-ocr:$(BUILT) $(TEST_VENV)/bin/python -m pytest tests/image $(PYTEST_ARGS)

test: $(TEST_VENV)/test.installed lint ## install what the tests need and run them all; the page's need Chromium
	$(TEST_VENV)/bin/python -m pytest $(SIDE_BY_SIDE) $(PYTEST_ARGS)
# Up to four processes, one for each core: `make test SIDE_BY_SIDE=` runs all tests in one.
SIDE_BY_SIDE = -n logical --maxprocesses 4

test-fast: $(TEST_VENV)/test.installed lint ## the tests that start no process, no browser and no real network, and the linters
	$(TEST_VENV)/bin/python -m pytest -m "not model and not process and not browser" $(PYTEST_ARGS)

# PyPI's PyTorch for Linux is the one for CUDA, several GB: PIP_INDEX_URL can name an index that has one for CPUs. Beside
# a PyTorch for CPUs, tests/mmocr/standins lets PyPI's torchvision be imported.
test-mmocr: $(MMOCR_VENV)/test.installed ## MMOCR itself, on PyTorch: detectors, export, the same by wrapper and HTTP
	PYTHONPATH=tests/mmocr/standins $(MMOCR_VENV)/bin/python -m pytest -o filterwarnings=default tests/mmocr $(PYTEST_ARGS)

test-aiges: $(AIGES_VENV)/test.installed ## ase/wrapper.py against the checker of the package aiges
	$(AIGES_VENV)/bin/python -m pytest -o filterwarnings=default tests/aiges $(PYTEST_ARGS)

format: $(TEST_VENV)/test.installed ## have ruff sort the imports, format the code and mend what it can
	$(TEST_VENV)/bin/python -m ruff check --fix --exit-zero
	$(TEST_VENV)/bin/python -m ruff format

lint: $(TEST_VENV)/test.installed ## ruff and mypy, as in test and test-fast
	$(TEST_VENV)/bin/python -m ruff check
	$(TEST_VENV)/bin/python -m ruff format --check
	$(TEST_VENV)/bin/python -m mypy

bench: $(TEST_VENV)/test.installed ## speed, accuracy and memory beside the peers', on the labelled photos in PHOTOS
	$(TEST_VENV)/bin/python -m benchmarks.bench $(BENCH_ARGS) $(PHOTOS)

soak: $(TEST_VENV)/test.installed ## thousands of requests, restarts and kills: is one lost, is memory given back?
	$(TEST_VENV)/bin/python -m benchmarks.soak $(SOAK_ARGS)

fuzz: $(FUZZ_VENV)/fuzz.installed ## mutated photos and forms for FUZZ_SECONDS each: does anything crash?
	for target in photo form; do $(FUZZ_VENV)/bin/python -m tests.fuzz $$target -max_total_time=$(FUZZ_SECONDS) || exit; done
FUZZ_SECONDS ?= 300

replicas: $(TEST_VENV)/test.installed ## two services behind nginx, one killed and one restarted (Linux, root)
	$(TEST_VENV)/bin/python -m benchmarks.replicas $(REPLICAS_ARGS)

screenshots: $(TEST_VENV)/test.installed ## the pictures of the page in the docs (Chromium, and a font with Chinese)
	SCREENSHOTS=$(CURDIR)/docs $(TEST_VENV)/bin/python -m pytest tests/service/page -k screenshots

lock: $(LOCK_VENV)/tools.installed ## pin the newest packages that fit in requirements/
	for target in $(TARGETS); do $(COMPILE) --extra $$target -o requirements/$$target.txt || exit; done
	for group in test fuzz; do $(COMPILE) --extra openvino --extra onnx --group $$group -o requirements/$$group.txt || exit; done
	printf "%s; sys_platform == 'never'\n" bentoml starlette prometheus-client uvicorn click httpx httptools uvloop | \
	$(subst --universal,--python-platform linux,$(COMPILE)) --extra openvino --extra onnx --override /dev/stdin -o requirements/ase.txt
	$(MAKE) platforms

platforms: $(LOCK_VENV)/tools.installed ## whether what is pinned can be installed on x86-64 and ARM64, without a compiler
	for pair in $(patsubst %,%:x86_64-manylinux_2_28,$(filter-out mmocr,$(TARGETS))) openvino:aarch64-manylinux_2_35 onnx:aarch64-manylinux_2_35; do \
	$(LOCK_VENV)/bin/uv pip install --quiet --dry-run --target $(LOCK_VENV)/none --python-version 3.11 \
	--python-platform $${pair#*:} --no-deps --require-hashes --only-binary :all: -r requirements/$${pair%:*}.txt || exit; \
	done

sbom: setup $(LOCK_VENV)/tools.installed ## the Python packages of TARGET, as a CycloneDX bill of materials: sbom-TARGET.json
	$(LOCK_VENV)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	--output-file sbom-$(TARGET).json $(VENV)/bin/python

audit: $(LOCK_VENV)/tools.installed ## whether a pinned package of TARGET has a known vulnerability, by PyPI's advisories
	$(LOCK_VENV)/bin/pip-audit --strict --disable-pip --require-hashes --requirement requirements/$(TARGET).txt

$(LOCK_VENV)/tools.installed:
	$(PYTHON) -m venv $(LOCK_VENV) && $(LOCK_VENV)/bin/pip install --quiet uv cyclonedx-bom pip-audit
	@touch $@

COMPILE = $(LOCK_VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --upgrade --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command 'make lock' pyproject.toml

clean: ## remove the environments
	rm -rf $(VENV) $(TEST_VENV) $(FUZZ_VENV) $(MMOCR_VENV) $(AIGES_VENV) $(LOCK_VENV)

key: # a fresh one in .env, unless there is one there or in the environment
	@printf %s "$$API_AUTH_KEY" | grep -q '[^[:space:]]' || \
	grep -qs "^ *\(export \)\?API_AUTH_KEY *= *[\"']\?[[:space:]]*[^[:space:]\"']" .env || { umask 077; \
	fresh=$$($(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(24))') && \
	{ test -z "$$(tail -c 1 .env 2>/dev/null)" || echo; echo "API_AUTH_KEY=$$fresh"; } >>.env && chmod 600 .env; }

# One rule for each environment: its name, then what is installed there. It is made anew when the pins change.
requirements/%.txt:
	@echo "There is no target $*: TARGET is one of $(TARGETS)"; exit 1
$(VENV)/%.installed: requirements/%.txt
	$(call install,$(VENV))
$(TEST_VENV)/%.installed: requirements/%.txt
	$(call install,$(TEST_VENV))
$(FUZZ_VENV)/%.installed: requirements/%.txt
	$(call install,$(FUZZ_VENV))

# On top of the environment of the tests.
$(MMOCR_VENV)/test.installed: $(TEST_VENV)/test.installed requirements/mmocr.txt
	@$(PYTHON) -m venv --clear $(MMOCR_VENV)
	@$(MMOCR_VENV)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	@$(MMOCR_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps torchvision==0.28.0
	@$(MMOCR_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/mmocr.txt
	$(call on-top-of-tests,$(MMOCR_VENV))
$(AIGES_VENV)/test.installed: $(TEST_VENV)/test.installed pyproject.toml
	@$(PYTHON) -m venv --clear $(AIGES_VENV)
	@$(AIGES_VENV)/bin/python -m pip install --quiet --disable-pip-version-check aiges==0.16.0 flask-restx
	$(call on-top-of-tests,$(AIGES_VENV))

define on-top-of-tests
	@cd $(TEST_VENV)/lib/python3.*/site-packages && pwd >$(abspath $(1))/tests.pth
	@mv $(1)/tests.pth $(1)/lib/python3.*/site-packages/
	@touch $@
endef

SIZE_cuda := 6.1 GB
SIZE_cuda-onnx := 3.5 GB

define install
	@$(or $(PYTHON),false) -c '$(FITS)' 2>/dev/null || \
	{ echo "Install Python 3.11 or 3.12, or name one: make $@ PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Installing $< into $(1): about $(or $(SIZE_$*),600 MB), a minute or more"
	@$(PYTHON) -m venv --clear $(1) || { echo "On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@$(1)/bin/python -m pip install --quiet --no-compile --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@
endef
