#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: locking.sh <source root> <clang++> [flag]...
#
# Proves that the thread-safety annotations of the adapters bite. Each case is a copy of one source with one
# locking mistake, made by sed, and what the compiler must answer (an extended regular expression). The copy
# without the mistake is the positive control.
set -euo pipefail

root=$1
compile=("${@:2}" -fsyntax-only -Wthread-safety -Werror)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cases=0
failures=0

fail() {
    printf '%s: %s\n' "$1" "$2"
    [[ -z ${3-} ]] || sed 's/^/    /' <<<"$3" | head -n 20
    failures=$((failures + 1))
}

# seed <name> <source> <sed script> <what the compiler must answer>
seed() {
    local copy=$scratch/$1.cpp output
    local compile=("${compile[@]}" -iquote "$root/${2%/*}") # the copy lies elsewhere
    cases=$((cases + 1))
    cp "$root/$2" "$copy"
    output=$("${compile[@]}" "$copy" 2>&1) || fail "$1" 'positive control does not compile' "$output"
    sed -i -E "$3" "$copy"
    if cmp -s "$root/$2" "$copy"; then
        fail "$1" "the sed script does not match anything in $2"
    elif output=$("${compile[@]}" "$copy" 2>&1); then
        fail "$1" 'compiles'
    elif ! grep -qE -- "$4" <<<"$output"; then
        fail "$1" "fails, but not with '$4'" "$output"
    fi
}

# Readers are looked up among the members while another thread removes one.
seed members_without_the_lock device_adapter/src/binding.cpp \
    '/has_members_.load/,/^}/ { /scoped_lock held/d }' \
    "reading variable 'members_' requires holding lock"

# Unbind ends the binding without excluding another bind.
seed unbind_outside_the_section device_adapter/src/bind.cpp \
    '/^int device_core::del/,/^}/ { /enter_to_unbind/,/bind_section section/d }' \
    "calling function 'unbind' requires holding lock 'dev->bind_lock_'"

# A file leaves its list after the lock has been left.
seed unlink_after_the_lock drm_adapter/src/drm_file.cpp \
    '/^void drm_close/,/^}/ { /unlink_locked/d; s/^(    )if \(twice \|\| in_hook\)/\1drm_core::unlink_locked(file);\n&/ }' \
    "calling function 'unlink_locked' requires holding lock 'file->drm->files_lock_'"

# Register looks whether another one is under way before it has the lock.
seed register_looks_before_it_locks drm_adapter/src/drm_visibility.cpp \
    '/^int drm_dev_register/,/^}/ { s/^(    )const detail::reader_set inside/\1if (drm->registering_)\n        return -EBUSY;\n&/ }' \
    "reading variable 'registering_' requires holding lock 'drm->files_lock_'"

printf 'locking.sh: %d cases, %d failures\n' "$cases" "$failures"
((failures == 0))
