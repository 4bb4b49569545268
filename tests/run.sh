#!/usr/bin/env bash
# Installs what is missing, builds everything, runs every test.
#
#   bash tests/run.sh            release build
#   bash tests/run.sh PRESET     another of CMakePresets.json: dev (AddressSanitizer and UBSan), tsan, clang (installed)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/support/setup.sh
preset=${1:-release}
install_packages "${test_packages[@]}"
build_corvid "$preset"
ctest --preset "$preset" -j 2 --output-on-failure
