# muxlab: `make bench` does everything, set-up included. Works with GNU make 3.81 (macOS) and a POSIX sh.

# Left alone or empty, PYTHON is python3 and its virtual environment .venv; one that is named gets its own.
ifeq ($(strip $(PYTHON)),)
override PYTHON := python3
NAMED :=
else
NAMED := yes
endif

# A bare version is the interpreter of that version: PYTHON=3.12.
ifneq ($(filter 3.%,$(PYTHON)),)
override PYTHON := python$(PYTHON)
endif

VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VENV := .venv$(if $(NAMED),-$(VERSION))
PY := $(VENV)/bin/python

# A stamp holds for one Python and one place: an editable install knows the folder it was made in.
PLACE := $(shell pwd | cksum | cut -d ' ' -f 1)
ifneq ($(VERSION),)
READY := $(VENV)/.muxlab-$(VERSION)-$(PLACE)
else
# What make names when it gives up; no file may stand for it.
READY := python-3.11-or-newer
.PHONY: $(READY) $(READY)-dev
endif
READY_DEV := $(READY)-dev
# A path in a .pth file, not an import hook: that would be loaded in each of a bench's hundreds of processes.
EDITABLE := --config-settings editable_mode=compat --editable

# What `make bench` passes on, where it is given. Lists may have spaces: BACKEND="epoll uvloop".
ifdef RESUME
OPTIONS := --resume "$(RESUME)"
else
OPTIONS := --profile $(if $(PROFILE),$(PROFILE),quick)
endif
OPTIONS += $(if $(BACKEND),--backend "$(BACKEND)") $(if $(WORKLOAD),--workload "$(WORKLOAD)")
OPTIONS += $(if $(ROUNDS),--rounds "$(ROUNDS)") $(if $(DURATION),--duration "$(DURATION)")
OPTIONS += $(if $(CONNECTIONS),--connections "$(CONNECTIONS)") $(if $(SIZE),--size "$(SIZE)")
OPTIONS += $(if $(RATE),--rate "$(RATE)") $(if $(ALLOCATOR),--allocator "$(ALLOCATOR)")
OPTIONS += $(if $(SYSCALLS),$(if $(filter 0 no,$(SYSCALLS)),--no-syscalls,--syscalls))
OPTIONS += $(if $(PRECISION),--precision "$(PRECISION)") $(if $(MAX_TIME),--max-time "$(MAX_TIME)")
OPTIONS += $(if $(SEED),--seed "$(SEED)") $(if $(OUT),--out "$(OUT)")

# Set where nothing is to be kept, in containers above all. Then each of the hundreds of processes of a run
# would compile all that it imports, and hold what that took of its memory.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help bench report trace microbench test conformance check check-report size clean distclean

help:
	@echo 'make bench        measure what serves sockets best here, and write a report (three to four minutes)'
	@echo '                  BACKEND="epoll uvloop" WORKLOAD=ring PROFILE=smoke|quick|full ROUNDS=7'
	@echo '                  DURATION=0.3 CONNECTIONS=64,512 SIZE=1KiB SEED=1 OUT=folder RESUME=run'
	@echo '                  RATE=20000,40000 or RATE=knee: requests at a rate, whether or not replies come'
	@echo '                  PRECISION=5% MAX_TIME=10m: more rounds, until the intervals are narrow'
	@echo '                  ALLOCATOR=fresh,seasoned: before its first client leaves, and from then on'
	@echo '                  SYSCALLS=1: also count system calls by name, with strace, after the rounds'
	@echo 'make report       write the report of the newest run again, or of RUN=folder'
	@echo 'make trace        see the seven steps of a recv as they happen, on a page too: SCRIPT=client.py BACKEND=poll'
	@echo 'make microbench   time the backends and the loop piece by piece; shown in the newest run'"'"'s report'
	@echo 'make test         run the tests'
	@echo 'make conformance  run CPython'"'"'s own asyncio tests on the mini-loop: BACKEND="poll epoll" TASKS="c python"'
	@echo 'make check        lint, format and the rules of the tree'
	@echo 'make size         lines by file, and the longest functions'
	@echo 'make clean        remove caches (distclean: the virtual environments too); runs/ always stays'
	@echo 'Everything takes PYTHON=3.12 (or a path) and sets itself up; Python 3.11 or newer.'

bench: $(READY)
	@$(PY) -m lab bench $(OPTIONS)

report: $(READY)
	@$(PY) -m lab report $(if $(RUN),"$(RUN)")

trace: $(READY)
	@mkdir -p runs
	@$(PY) -m lab trace --html runs/trace.html $(if $(BACKEND),--backend "$(BACKEND)") \
	  $(if $(TASKS),--tasks "$(TASKS)") $(if $(SCRIPT),"$(SCRIPT)")

# The figures belong to a run, whose report shows them; without any run, a short one is taken first.
microbench: $(READY_DEV)
	@run="$(RUN)"; newest() { ls -t runs/*/run.json 2>/dev/null | sed -e 's|/run.json$$||' -e 1q; }; \
	[ -n "$$run" ] || run=`newest`; \
	if [ -z "$$run" ]; then \
	  echo 'There is no run yet to show the figures in: taking a short one (PROFILE=smoke) first.'; \
	  $(PY) -m lab bench --profile smoke || exit 1; \
	  run=`newest`; \
	fi; \
	$(PY) -m pytest -q -rN --benchmark-enable --benchmark-only --benchmark-json="$$run/microbench.json" \
	  tests/microbench && $(PY) -m lab report "$$run"

# On every core. By tests, not by files: a worker that dies must not keep the others from ending the run
# (pytest-xdist 1378).
test: $(READY_DEV)
	@$(PY) -m pytest -q --numprocesses auto --dist load

conformance: $(READY_DEV)
	@$(PY) -m tests.conformance $(if $(BACKEND),--backend "$(BACKEND)") $(if $(TASKS),--tasks "$(TASKS)") \
	  $(if $(ONLY),--only "$(ONLY)")

check: $(READY_DEV)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m pytest -q tests/test_architecture.py

check-report: $(READY)
	@$(PY) -m tests.check_report "$(RUN)"

size: $(READY)
	@$(PY) -m tests.codebase

clean:
	rm -rf .pytest_cache .ruff_cache .benchmarks build dist muxlab.egg-info
	find backends lab reports tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venv-*

$(READY): pyproject.toml
	@$(right_python)
	@$(virtual_environment)
	@echo 'Installing muxlab into $(VENV) ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check $(EDITABLE) .
	@touch $@

$(READY_DEV): pyproject.toml
	@$(right_python)
	@$(virtual_environment)
	@echo 'Installing muxlab and what its tests need into $(VENV) ...'
	@$(PY) -m pip install --quiet --disable-pip-version-check $(EDITABLE) '.[dev]'
	@touch $(READY) $@

# Says what was found and what to do when PYTHON is missing or older than 3.11.
define right_python
if $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then exit 0; fi; \
if [ -n '$(VERSION)' ]; then found='$(PYTHON) is Python $(VERSION)'; \
elif command -v '$(PYTHON)' >/dev/null 2>&1; then found='$(PYTHON) cannot be run'; \
else found='$(PYTHON) cannot be found'; fi; \
echo "muxlab needs Python 3.11 or newer; $$found." >&2; \
for each in python3.13 python3.12 python3.11; do \
  if $$each -c pass 2>/dev/null; then \
    echo "There is one here that will do: make $(firstword $(MAKECMDGOALS) bench) PYTHON=$$each" >&2; exit 1; \
  fi; \
done; \
echo 'Install one (https://www.python.org/downloads/, or your package manager) and name it:' >&2; \
echo '  make $(firstword $(MAKECMDGOALS) bench) PYTHON=python3.12' >&2; exit 1
endef

# Makes the environment, anew if it is broken or of another Python.
define virtual_environment
if $(PY) -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(VERSION)")' 2>/dev/null \
  && $(PY) -m pip --version >/dev/null 2>&1; then exit 0; fi; \
echo 'Making the virtual environment $(VENV) with $(PYTHON) ($(VERSION)); the first time takes a minute ...'; \
$(PYTHON) -m venv --clear $(VENV) || { \
  echo 'The virtual environment could not be made. On Debian and Ubuntu: sudo apt install python3-venv' >&2; \
  exit 1; }
endef
