# `make test` and `make demo` set everything up first: a virtual environment in .venv with the pinned packages.
PYTHON := .venv/bin/python
SCRIPTS := .venv/lib/python3.11/site-packages/bpy/4.5/scripts
BLENDER_EXT := $(SCRIPTS)/addons_core/bl_pkg/cli/blender_ext.py
EXTENSION_TOOL := $(PYTHON) $(BLENDER_EXT)
PACKAGES := $(PYTHON) packaging/packages.py --tool $(BLENDER_EXT)
VALID_TAGS := --valid-tags $(SCRIPTS)/modules/_bpy_internal/extensions/tags.py
BLENDER_VERSIONS := 4.2.23 4.5.15 5.0.1
NEWEST_BLENDER := 5.2.3
BLENDER := blender
BLENDER_ROOT ?= $(HOME)/.cache/photo_pose/blender-root
IN_ROOT := bash tests/real_blender/in_root.sh $(BLENDER_ROOT)
WITHOUT_TORCH := $(addprefix tests/,extension/test_extension.py extension/test_layers.py extension/test_manners.py \
	extension/test_python_packages.py extension/test_installed_zip.py \
	operators/test_models.py operators/test_rendering.py operators/test_cameras.py)

# A process for each core, but not for all of a large machine: each has a Blender and PyTorch in memory.
SIDE_BY_SIDE := -n auto --maxprocesses 4 --dist loadfile

SECONDS := 7200
SEED := 1

.PHONY: setup demo benchmark test monkey lint build plain validate packages lock repository test-versions \
	test-older-versions test-newest-version test-blender \
	test-blender-$(NEWEST_BLENDER) blender-root test-real manual-pictures clean

setup:
	@bash .ci/setup .venv "-r requirements-dev.txt" "--no-deps -r tests/requirements.txt"

demo: setup
	$(PYTHON) -m benchmark.demo

benchmark: setup
	$(PYTHON) -m pip install --disable-pip-version-check --quiet --no-deps -r benchmark/requirements.txt
	$(PYTHON) -m benchmark.queries
	$(PYTHON) -m benchmark.accuracy
	$(PYTHON) -m benchmark.which --subdivisions 2
	$(PYTHON) -m benchmark.category
	$(PYTHON) -m benchmark.chessboard
	$(PYTHON) -m benchmark.paper

test: lint
	$(PYTHON) -m pytest $(SIDE_BY_SIDE)

# Random calls of all operators: make monkey SECONDS=600 SEED=7; the same seed makes the same calls.
monkey: setup
	$(PYTHON) tests/monkey.py $(SECONDS) $(SEED)

lint: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

# The zip with Pillow's wheels for all systems, which are fetched the first time.
build: plain
	$(PACKAGES) small

# Without wheels.
plain: setup
	rm -rf build/plain && mkdir -p build/plain
	$(EXTENSION_TOOL) build $(VALID_TAGS) --output-dir build/plain

validate: build
	$(EXTENSION_TOOL) validate $(VALID_TAGS) .
	$(EXTENSION_TOOL) validate $(VALID_TAGS) build/photo_pose-*.zip

# The extension with PyTorch inside, a zip for each platform, or for some: make packages PLATFORMS=linux-x64
packages: plain
	$(PACKAGES) full $(PLATFORMS)

# After a change of versions in packaging/wheels.py.
lock: setup
	$(PYTHON) packaging/wheels.py

# What a web server needs to offer the extension and its updates to Blender; in full/ the packages, if there are any.
repository: build
	rm -rf build/repository && mkdir build/repository
	cp build/photo_pose-*.zip build/repository
	[ ! -d build/packages ] || cp -r build/packages build/repository/full
	for folder in $$(find build/repository -type d); do \
		$(EXTENSION_TOOL) server-generate --html --repo-dir $$folder || exit 1; done

# The extension in each supported Blender, in most without torch: it must load where torch is missing.
test-versions: test-older-versions test-newest-version

test-older-versions: $(BLENDER_VERSIONS:%=test-blender-%)

test-newest-version: test-blender-$(NEWEST_BLENDER)

test-blender-%:
	@bash .ci/setup .venv-$* "bpy==$* $$(grep -hE '^(numpy|pillow|pytest|pytest-xdist)==' requirements*.txt | xargs)"
	.venv-$*/bin/python -m pytest $(SIDE_BY_SIDE) $(WITHOUT_TORCH)

# It needs Python 3.13: Debian 13's, which has PyTorch, or else python3.13 of this machine.
test-blender-$(NEWEST_BLENDER): RUN := $(if $(wildcard $(BLENDER_ROOT)),$(IN_ROOT))
test-blender-$(NEWEST_BLENDER):
	@if $(RUN) python3.13 -c '' 2>/dev/null; \
	then $(RUN) bash tests/newest_blender.sh $(NEWEST_BLENDER) $(SIDE_BY_SIDE) $(WITHOUT_TORCH); \
	else echo "NOT RUN: Blender $(NEWEST_BLENDER), for there is no Python 3.13; 'make blender-root' brings it." >&2; fi

# Debian 13 with its Blender, PyTorch and a screen without a monitor, in a folder outside the repository; needs root.
blender-root:
	@bash tests/real_blender/build_root.sh $(BLENDER_ROOT)

# The zip in that Blender, with mouse and keyboard: as it comes from blender.org, with neither PyTorch nor Pillow, then
# with Debian's.
test-real: blender-root build
	HIDDEN="torch torchvision PIL" $(IN_ROOT) python3 tests/real_blender/prove.py --zip build/photo_pose-*.zip
	$(IN_ROOT) python3 tests/real_blender/prove.py --zip build/photo_pose-*.zip

# The zip in a real Blender with a window: any that imports torch and Pillow, as Debian 13's does.
test-blender:
	python3 tests/real_blender/prove.py --blender $(BLENDER)

manual-pictures:
	python3 tests/real_blender/prove.py --blender $(BLENDER) --pictures docs/pictures

clean:
	rm -rf build .venv* .pytest_cache .ruff_cache
