#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: seeded_locks.sh <case.sed> <source root> <clang++> [flag]...
#
# Proves that the lock annotations bite: clang's thread-safety analysis accepts a source file as it stands and rejects
# it with one locking bug put in, for the reason that the case names. A case is a sed script (extended regular
# expressions) whose comments say what it is about; all paths are relative to <source root>:
#
#     # SPDX-License-Identifier: MIT
#     # One sentence that tells the bug.
#     # source: devres_core/src/list/release.cpp
#     # seeds: devres_core/src/list/list.h
#     # expect: requires holding lock
#     /^bool remove\(/,/^\}/ s/const guard held\(head\);//
#
#   source  the file that is compiled (-fsyntax-only -Wthread-safety -Werror and the flags given);
#   seeds   the file that the script changes: the source itself if this line is missing, or a header that the source
#           includes by whatever path. The changed copy is laid over the original (-ivfsoverlay): no file is touched;
#   expect  an extended regular expression that one line of clang's answer must match. Only lines of the analysis count
#           (those that end in a [-W...thread-safety...] group), so that a bug that merely does not parse proves nothing.
#
# The script fails if the untouched source is rejected, if the sed script changes nothing (the code moved on: adapt the
# case), or if the seeded source is accepted or rejected otherwise. With CMake, one ctest entry for each case:
#
#     devres_add_seeded_locks(devres_core seeded_locks/detach_all.sed seeded_locks/find_without_guard.sed)
#
# takes the include folders, private ones too, from the target. By hand, from the root of the repository:
#
#     tests/compile_fail/seeded_locks.sh tests/compile_fail/seeded_locks/x.sed . clang++ -std=c++20 -Idevres_core/include
set -euo pipefail

case=$1 root=$(cd "$2" && pwd)
name=${case##*/}
compile=("${@:3}" -fsyntax-only -Wthread-safety -Werror)

fail() {
    printf '%s: %s\n' "$name" "$1"
    [[ -z ${2-} ]] || sed 's/^/    /' <<<"$2" | head -n 20
    exit 1
}

field() { # the value of a `# <field>: value` line; the first one counts
    sed -nE "s/^# $1: *(.*[^ ]) *\$/\1/p;T;q" "$case"
}

source=$(field source) seeds=$(field seeds) expect=$(field expect)
seeds=${seeds:-$source}
[[ -n $source && -n $expect ]] || fail "needs the lines '# source: ...' and '# expect: ...'"
for file in "$source" "$seeds"; do
    [[ -f $root/$file ]] || fail "there is no file $file"
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
sed -E -f "$case" "$root/$seeds" >"$scratch/seeded" || fail 'the sed script is wrong'
! cmp -s "$root/$seeds" "$scratch/seeded" || fail "the sed script changes nothing in $seeds"
cat >"$scratch/overlay.yaml" <<OVERLAY
{ "version": 0, "use-external-names": false, "roots": [
  { "type": "file", "name": "$root/$seeds", "external-contents": "$scratch/seeded" } ] }
OVERLAY

output=$("${compile[@]}" "$root/$source" 2>&1) || fail "rejected as it stands: $source" "$output"
if output=$("${compile[@]}" -ivfsoverlay "$scratch/overlay.yaml" "$root/$source" 2>&1); then
    fail "the bug is accepted:" "$(diff -U 1 "$root/$seeds" "$scratch/seeded" | tail -n +3)"
fi
findings=$(grep -E '\[-W.*thread-safety' <<<"$output") || fail 'rejected, but not by the analysis' "$output"
grep -qE -- "$expect" <<<"$findings" || fail "rejected, but not with '$expect'" "$output"
printf '%s: found: %s\n' "$name" "$(grep -m 1 -E -- "$expect" <<<"$findings" | sed -E 's/^[^ ]*\/([^/ ]*: )/\1/')"
