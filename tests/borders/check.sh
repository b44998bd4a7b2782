#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: check.sh <border> <work folder>        (`check.sh --list` prints the borders)
#
# Each folder's sources are compiled in a copy of the repository that holds only what the folder may see: everything
# else is absent, not merely forbidden. Where the table says which headers of C++ a folder may use, the system's are
# absent, too: these few, preprocessed beforehand, are all there is. Then the negative controls: one at a time, an
# include of each header beyond the border is put into one of the copied sources, and the build has to fail because of it.
#
# The table is the function of each border below:
#   compiles  the sources, as patterns
#   sees      what else is copied: files and folders. A file that nothing includes fails: the border is wider than need be
#   roots     include folders within the copy, in order
#   flags     further compiler flags
#   std       the headers of C++ that may be used, or `any`
#   closed    `<include folder>:<folder in it>`: a negative control for each header found there in the repository
#   seeds     other lines, each of which must break the build; an error has to name the header, or the word `seeded`
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
devres=$(cd "$here/../.." && pwd)

core=devres_core
device=device_adapter
drm=drm_adapter
freestanding=tests/freestanding/env/include

posix=$core/src/env/posix/include

# What <devres/devres.h> and env/env.h consist of: the words of the mechanism. Any environment has to be enough for them.
words=($core/include/devres/{devres,gfp,container_of,diagnostics,owner}.h
    $core/include/devres/detail/{annotations,language,owner_forms,report,resource,resource_list}.h)

# What holds an environment's lock, if anybody but the list wants one.
scoped_lock=$core/include/devres/detail/scoped_lock.h

border_list() { # a kernel engineer reads this folder: no pmr, futex, membarrier, thread-local, arena or index
    compiles=($core/src/list/*.cpp)
    sees=($core/src/list $core/src/env/env.h "${words[@]}" $freestanding)
    roots=($core/src $core/include $freestanding)
    flags=(-ffreestanding -fno-exceptions -fno-rtti) std=(atomic cstddef cstdint new concepts type_traits)
    closed=($core/src:memory $core/src:managed $core/src:revocation $core/src:env/posix $device/include:devres
        $drm/include:devres)
    seeds=('#include <mutex>' '#include <memory_resource>' '#include <cstdlib>' '#include <cerrno>' '#include <bit>'
        '#include <unistd.h>' '#include <devres/managed.h>' '#include <devres/revocable.h>'
        '#include <devres/env/barrier.h>')
}

border_memory() { # where resources live: knows the list
    compiles=($core/src/memory/*.cpp)
    sees=($core/src/memory $core/src/list $core/src/env/env.h "${words[@]}" $scoped_lock $freestanding)
    roots=($core/src $core/include $freestanding)
    flags=(-fno-exceptions -fno-rtti) std=(any)
    closed=($core/src:managed $core/src:revocation $core/src:env/posix $device/include:devres $drm/include:devres)
    seeds=('#include <devres/managed.h>' '#include <devres/revocable.h>')
}

border_managed() { # the family, on the list and the memory
    compiles=($core/src/managed/*.cpp)
    sees=($core/src/managed $core/src/memory $core/src/list $core/src/env/env.h "${words[@]}"
        $core/include/devres/detail/attach.h $scoped_lock $freestanding)
    roots=($core/src $core/include $freestanding)
    flags=(-fno-rtti) std=(any)
    closed=($core/src:revocation $core/src:env/posix $device/include:devres $drm/include:devres)
    seeds=('#include <devres/revocable.h>')
}

border_revocation() { # uses no head and no list
    compiles=($core/src/revocation/*.cpp)
    sees=($core/src/revocation $core/include/devres/revocable.h
        $core/include/devres/detail/{annotations,construct,language,report,revocation,revocation_algorithm,revocation_stats,scoped_lock,type_name}.h
        $core/src/env)
    roots=($core/src $core/include $posix)
    flags=(-fno-exceptions -fno-rtti) std=(any)
    closed=($core/src:list $core/src:memory $core/src:managed $device/include:devres $drm/include:devres)
    seeds=('#include <devres/devres.h>' '#include <devres/managed.h>')
}

border_env() { # answers the mechanism without knowing it
    compiles=($core/src/env/posix/*.cpp)
    sees=($core/src/env "${words[@]}" $scoped_lock)
    roots=($core/src $core/include $posix)
    flags=(-fno-rtti) std=(any)
    closed=($core/src:list $core/src:memory $core/src:managed $core/src:revocation $device/include:devres
        $drm/include:devres)
    seeds=('#include <devres/managed.h>' '#include <devres/revocable.h>' '#include <devres/detail/revocation.h>')
}

border_core() { # knows owners only as heads
    compiles=($core/src/*.cpp $core/src/*/*.cpp $core/src/*/*/*.cpp)
    sees=($core)
    roots=($core/src $core/include $posix)
    flags=(-fno-rtti) std=(any)
    closed=($device/include:devres $drm/include:devres)
    seeds=('void seeded(devres::device*);' 'void seeded(devres::drm_device*);')
}

border_device() {
    compiles=($device/src/*.cpp)
    sees=($device $core/include $posix)
    roots=($device/include $core/include $posix)
    flags=(-fno-exceptions -fno-rtti) std=(any)
    closed=($core/src:. $drm/include:devres)
    seeds=('void seeded(devres::drm_device*);')
}

border_drm() {
    compiles=($drm/src/*.cpp)
    sees=($drm $device/include $core/include $posix)
    roots=($drm/include $device/include $core/include $posix)
    flags=(-fno-exceptions -fno-rtti) std=(any)
    closed=($core/src:.)
    seeds=()
}

if [[ $1 == --list ]]; then
    declare -F | sed -n 's/^declare -f border_//p'
    exit
fi

name=$1 work=$2
compiler=${DEVRES_BORDER_COMPILER:-g++}
cd "$devres"
shopt -s nullglob globstar
"border_$name"
((${#compiles[@]})) || { echo "FAILED: border $name has no sources"; exit 1; }

rm -rf "$work"
mkdir -p "$work/copy"
failures=0
fail() {
    echo "FAILED: border $name: $1"
    [[ -z ${2-} ]] || head -n 15 <<<"$2" | sed 's/^/    /'
    failures=$((failures + 1))
}

# The negative controls that the repository's own headers are, as lines to be seeded.
for pair in "${closed[@]}"; do
    root=${pair%%:*} folder=${pair#*:} found=0
    for header in "$root/$folder"/**/*.h; do
        header=${header#"$root/"}
        header=${header#./}
        [[ $header != env/posix/include/* ]] || continue # seen as <devres/env/...>
        seeds+=("#include \"$header\"")
        found=1
    done
    ((found)) || fail "no header in $root/$folder: what is closed there?"
done

for path in "${sees[@]}" "${compiles[@]}"; do
    if [[ -e $path ]]; then
        cp -r --parents "$path" "$work/copy"
    else
        fail "may see $path, which does not exist"
    fi
done

cd "$work/copy"
arguments=(-std=c++20 -fsyntax-only -Wall -Wextra -Werror "${flags[@]}")
for root in "${roots[@]}"; do
    [[ ! -d $root ]] || arguments+=(-I "$root")
done

# The headers of C++ as one file without an include, under each name that may be used.
if [[ ${std[*]} != any ]]; then
    mkdir ../std
    printf '#include <%s>\n' "${std[@]}" >../std.cpp
    {
        printf '#pragma once\n#pragma GCC system_header\n'
        "$compiler" "${arguments[@]}" -E -dD ../std.cpp | grep -v '^# '
    } >../std/everything
    for header in "${std[@]}"; do
        echo '#include "everything"' >"../std/$header"
    done
    arguments+=(-nostdinc -isystem ../std)
fi

# Prints which files the compiler reads, one on a line; errors are told by the compilation itself.
read_by() { # <file>
    "$compiler" "${arguments[@]}" -M "$1" 2>/dev/null | sed -E 's/^[^:]*://; s/\\$//' | tr -s ' ' '\n' |
        sed '/^$/d' | xargs -r realpath -s --relative-base=. | sort -u
}

for source in "${compiles[@]}"; do
    output=$("$compiler" "${arguments[@]}" "$source" 2>&1) || fail "$source needs more than it may see" "$output"
    read_by "$source" >>../read
done
for path in "${sees[@]}"; do
    [[ $path != *.h ]] || grep -qxF "$path" ../read || fail "nothing includes $path: take it out of the table"
done
((failures == 0)) || exit 1 # negative controls would prove nothing

victim=${compiles[0]%/*}/seeded.cpp # an include is looked for in the folder of who includes, too
for seed in "${seeds[@]}"; do
    { [[ $seed == '#'* ]] || cat "${compiles[0]}"; printf '%s\n' "$seed"; } >"$victim"
    word=$(sed -E 's/^#include .(.*).$/\1/; t; s/.*/seeded/' <<<"$seed")
    if ! output=$("$compiler" "${arguments[@]}" "$victim" 2>&1); then
        grep -F error <<<"$output" | grep -F "$word" >/dev/null || fail "breaks the build, but not by itself: $seed" "$output"
    else
        fail "nobody notices: $seed"
    fi
done

((failures == 0)) || exit 1
echo "border $name: ${#compiles[@]} sources, ${#seeds[@]} ways across it are closed"
