#!/usr/bin/env bash
# Builds the engine's tests for 64-bit ARM and runs them with qemu-user: the kernels "neon" and
# "dotprod" on a machine that is none. Debian 12 on another processor, as root or with sudo.
#
#   bash tests/arm64.sh [ARGUMENTS OF THE TESTS]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/support/setup.sh
libraries=(libc6-dev libstdc++-12-dev catch2)
for name in "${packages[@]}"; do
  [[ $name == *-dev ]] && libraries+=("$name")
done
packages+=(g++-aarch64-linux-gnu qemu-user mmdebstrap)
install_packages
if [[ ! -d build/arm64-root ]]; then  # headers and libraries; nothing in it runs
  mkdir -p build
  mmdebstrap --quiet --variant=extract --architectures=arm64 \
    --include="$(IFS=,; echo "${libraries[*]}")" bookworm build/arm64-root
fi
build_corvid arm64 engine_tests
qemu-aarch64 -L build/arm64-root build/arm64/tests/engine_tests "$@"
