# Sourced by tests/run.sh and examples/try.sh: installs what is missing and builds. Debian 12 or a
# later release, as root or with sudo.

# No ccache: it makes the first build a tenth longer. Where it is installed, it is used.
packages=(g++ make cmake ninja-build mold pkg-config git python3 ca-certificates
  nlohmann-json3-dev catch2 libcli11-dev libspdlog-dev libfmt-dev libpcre2-dev
  libcurl4-openssl-dev libtomlplusplus-dev libvalijson-dev libgit2-dev libseccomp-dev libzstd-dev libsqlite3-dev libedit-dev
  libpq-dev)
# Only tests need a server: they start a private one.
test_packages=(postgresql-15)

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

# install_packages [NAME ...]: the packages above, and these.
install_packages() {
  local missing=() name
  for name in "${packages[@]}" "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] || missing+=("$name")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  echo "installing: ${missing[*]}" >&2
  if [[ " ${missing[*]}" == *" postgresql"* ]]; then  # without a server that runs from then on
    as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" |
      as_root tee /etc/postgresql-common/createcluster.d/corvid.conf >/dev/null
  fi
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# build_corvid PRESET [TARGET ...]: configures where needed and builds.
build_corvid() {
  local preset=$1; shift
  [[ -f build/$preset/build.ninja ]] || cmake --preset "$preset" >/dev/null
  local begin=$SECONDS
  cmake --build "build/$preset" ${1:+--target "$@"} -- --quiet 2>/dev/null ||
    cmake --build "build/$preset" ${1:+--target "$@"}
  echo "built in $((SECONDS - begin)) s" >&2
}
