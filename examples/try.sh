#!/usr/bin/env bash
# Installs what Corvid needs, builds it, and lets it repair a sample repository that it has never seen.
#
#   bash examples/try.sh             one bug
#   bash examples/try.sh --bug N     another of the twelve (1 to 12)
#   bash examples/try.sh --all       all twelve, and which of them are repaired
#
# Everything it makes, but for the build, is in a folder of its own that it removes at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tests/support/setup.sh

bug=1 all=
while [[ $# -gt 0 ]]; do
  case $1 in
    --bug) bug=${2:?--bug needs a number}; shift 2 ;;
    --all) all=1; shift ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 1 ;;
  esac
done

install_packages
build_corvid release corvid corvid_jail
corvid=$PWD/build/release/corvid
sample=$PWD/examples/sample

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_DATA_HOME=$work/data XDG_CACHE_HOME=$work/cache XDG_CONFIG_HOME=$work/config
task="The tests fail. Find the bug and repair it."
check="python3 -m unittest -q"

# A repository with a history in which the bug is one change among others.
make_repository() {  # NUMBER FOLDER
  cp -r "$sample/package" "$2"
  python3 "$sample/bugs.py" apply "$1" "$2"
  (
    cd "$2"
    git init -q -b main
    git config user.name "A developer"
    git config user.email developer@example.org
    git add .gitignore README.md stock/__init__.py stock/item.py stock/ledger.py
    git commit -qm "Items, quantities and the ledger"
    git add stock/warehouse.py stock/orders.py stock/forecast.py
    git commit -qm "Warehouse, orders and forecast"
    git add -A
    git commit -qm "Reports, tests"
  )
}

title() { printf '\n== %s\n' "$*"; }
fail() { printf 'try.sh: %s\n' "$*" >&2; exit 1; }

if [[ -n $all ]]; then
  repaired=0
  for n in $(seq 12); do
    folder=$work/sample-$n
    make_repository "$n" "$folder"
    begin=$SECONDS
    status=failed
    "$corvid" run "$task" --workspace "$folder" --verify "$check" >"$work/log" 2>&1 && status=repaired
    (cd "$folder" && python3 -m unittest -q >/dev/null 2>&1) || [[ $status == failed ]] ||
      fail "bug $n: corvid says repaired, but the tests fail"
    [[ $status == failed ]] || repaired=$((repaired + 1))
    printf 'bug %2d  %-8s  %3d s   %s\n' "$n" "$status" $((SECONDS - begin)) \
      "$(git -C "$folder" diff -U0 -- '*.py' | grep '^+ ' | head -1 | cut -c2-90)"
  done
  echo "$repaired of 12 repaired"
  exit 0
fi

folder=$work/sample
make_repository "$bug" "$folder"
title "a small package with one bug; its tests"
(cd "$folder" && git log --oneline && python3 -m unittest -q 2>&1 | tail -4) || true

title "corvid run \"$task\" --verify \"$check\""
echo "The default model is Fledgling: a small specialist that repairs small bugs. For other work --model takes any other."
"$corvid" run "$task" --workspace "$folder" --verify "$check" ||
  fail "bug $bug was not repaired; what was tried: corvid sessions show"

title "the tests, outside of Corvid"
(cd "$folder" && python3 -m unittest -q) || fail "the tests still fail"
git -C "$folder" --no-pager diff --stat

title "what was remembered, seen from another process"
"$corvid" memory list --workspace "$folder"
"$corvid" memory search --workspace "$folder" "how did the run that repaired the failing tests end?" | head -20
"$corvid" memory search --workspace "$folder" --json "how did the run that repaired the failing tests end?" |
  grep -q 'Outcome of the run: verified' || fail "the run is not remembered"

title "undo"
"$corvid" sessions list
"$corvid" sessions undo --workspace "$folder"
git -C "$folder" diff --quiet || fail "the workspace is not as it was"
echo "the workspace is as it was before the run"
title "done: repaired, verified, remembered, undone"
