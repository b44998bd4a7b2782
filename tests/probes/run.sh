#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: run.sh notes|bpftrace <work folder> <compiler> <flag or library>...
#
# notes: a program has the probes of docs/tracing.md, those of events with a semaphore.
# bpftrace: a tracer attached to that program counts the same events as its own log hook.
set -euo pipefail

what=$1 work=$2 compiler=$3
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$work"
program=$work/program
"$compiler" -std=c++20 -O1 "$here/program.cpp" -o "$program" "${@:4}"

skip() {
    echo "skipped: $1"
    exit 77
}

notes() { # prints <name> <1 if it has a semaphore> of each probe
    readelf -n "$program" | awk '/Provider: devres$/ { ours = 1 }
        ours && /Name:/ { name = $2 }
        ours && /Semaphore:/ { sub(/.*Semaphore: */, ""); print name, ($1 != "0x0000000000000000"); ours = 0 }' | sort -u
}

failures=0
fail() {
    echo "FAILED: $1"
    failures=$((failures + 1))
}

[[ -n $(notes) ]] || skip 'built without <sys/sdt.h> (Debian: systemtap-sdt-dev)'
case $what in
notes)
    documented=$(grep -o '`devres:[a-z_]*`' "$here/../../docs/tracing.md" | tr -d '`' | sed 's/devres://' | sort -u)
    diff <(notes | cut -d' ' -f1) <(echo "$documented") || fail 'the probes and docs/tracing.md differ'
    for name in attach release remove; do
        notes | grep -x "$name 1" >/dev/null || fail "$name has no semaphore"
    done
    ;;
bpftrace)
    command -v bpftrace >/dev/null || skip 'no bpftrace'
    ((EUID == 0)) || skip 'only root may attach a tracer'
    timeout 30 bpftrace -e "BEGIN { exit(); } usdt:$program:devres:wait { @ = count(); }" >"$work/try" 2>&1 ||
        skip "bpftrace cannot attach here: $(tail -n 1 "$work/try")"

    coproc traced { exec "$program"; }
    pid=$traced_PID
    exec {from}<&"${traced[0]}" {to}>&"${traced[1]}" # bash closes its own when the program ends
    read -r ready <&"$from" && [[ $ready == ready ]]
    script='BEGIN { printf("attached\n"); } '
    for name in attach release remove unbind unplug wait wait_end; do
        script+="usdt:$program:devres:$name { @$name = count(); } "
    done
    # One more says whether names arrive.
    script+="usdt:$program:devres:attach { @named[str(arg1), str(arg2), str(arg3)] = count(); }"
    mkfifo -m 600 "$work/pipe.$$"
    bpftrace -p "$pid" -e "$script" >"$work/pipe.$$" 2>"$work/errors" &
    tracer=$!
    exec {counts}<"$work/pipe.$$"
    rm "$work/pipe.$$"
    while read -r line <&"$counts"; do # until every probe is attached
        [[ $line != attached ]] || break
    done
    echo go >&"$to"
    logged=$(cat <&"$from")
    counted=$(cat <&"$counts") # bpftrace ends with the program
    wait "$tracer" || fail "bpftrace: $(tail -n 1 "$work/errors")"

    for name in attach release remove; do
        count=$(sed -n "s/^$name //p" <<<"$logged")
        [[ $count -gt 0 ]] || fail "the program's log has no $name"
        grep -qx "@$name: $count" <<<"$counted" || fail "the log has $count $name, bpftrace another number"
    done
    for name in unbind unplug wait wait_end; do
        grep -qx "@$name: [1-9][0-9]*" <<<"$counted" || fail "no $name"
    done
    grep -qF '@named[device, traced, (anonymous namespace)::put_away(int*)]: 3' <<<"$counted" || fail 'the names are not those of the program'
    ((failures == 0)) || printf '%s\n' "$logged" "$counted"
    ;;
esac
exit $((failures != 0))
