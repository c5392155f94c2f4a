# haar: the few commands that people type. Meson and Ninja do the work.
BUILD ?= build
ASAN ?= build-asan
TSAN ?= build-tsan
TESTS ?= src/services/dynamodb/tests src/services/sqs/tests src/services/s3/tests src/services/lambda/tests tests/payments
PREFIX ?= /usr/local
export CC ?= $(shell command -v ccache >/dev/null 2>&1 && echo "ccache gcc" || echo gcc)
ifeq ($(origin CC),default)
CC := $(shell command -v ccache >/dev/null 2>&1 && echo "ccache gcc" || echo gcc)
endif

.PHONY: all deps build demo check bench soak tsan clean install

all: build

deps:          ## install what is missing: Debian packages and npm modules
	@tools/deps

$(BUILD)/build.ninja: | deps
	@meson setup --prefix=$(PREFIX) $(BUILD) >/dev/null

$(ASAN)/build.ninja: | deps
	@meson setup -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Ddebug=true $(ASAN) >/dev/null

$(TSAN)/build.ninja: | deps
	@meson setup -Db_sanitize=thread -Db_lundef=false -Doptimization=1 -Ddebug=true $(TSAN) >/dev/null

build: $(BUILD)/build.ninja   ## build/haar
	@ninja -C $(BUILD) --quiet
	@ln -sf src/haar $(BUILD)/haar

demo: build    ## bring the payment stack up and pay
	@tools/demo

check: build $(ASAN)/build.ninja   ## every test; ends with "N passed, M failed"
	@tools/check

bench: build   ## measurements, side by side with a peer
	@bench/run

soak: build    ## the long tests
	@tools/check --soak

tsan: build $(TSAN)/build.ninja   ## tests against a daemon with ThreadSanitizer; TESTS names others
	@tools/tsan $(TESTS)

install: build
	@meson install -C $(BUILD) --quiet

clean:
	@rm -rf $(BUILD) $(ASAN) $(TSAN)
