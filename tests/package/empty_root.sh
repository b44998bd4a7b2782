#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# usage: empty_root.sh <folder of the .deb files> <work folder> [mirror]
#
# By hand, since it needs root and the network (some five minutes): an empty Debian 12 with a compiler, in which the
# packages are all that there is of devres. A ten-line program is built with CMake and with pkg-config; devres_dump and
# gdb list its resources, and bpftrace sees them come and go. The root is kept for the next time.
set -euo pipefail

debs=$1 work=$2 mirror=${3:-http://deb.debian.org/debian}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$work/root

command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: apt-get install mmdebstrap"; exit 1; }
((EUID == 0)) || { echo 'only root may make a root'; exit 1; }
if [[ ! -e $root/usr/bin/bpftrace ]]; then
    mkdir -p "$work"
    mmdebstrap --variant=minbase --include=g++,cmake,ninja-build,pkg-config,gdb,bpftrace bookworm "$root" "$mirror"
fi
for folder in proc sys sys/kernel/debug sys/kernel/tracing dev; do
    mountpoint -q "$root/$folder" || mount --bind "/$folder" "$root/$folder" 2>/dev/null || true
done
trap 'for f in dev sys/kernel/tracing sys/kernel/debug sys proc; do ! mountpoint -q "$root/$f" || umount "$root/$f"; done' EXIT

rm -rf "$root/try"
mkdir "$root/try"
cp "$debs"/*.deb "$here/CMakeLists.txt" "$here/consumer.cpp" "$root/try/"
cat >"$root/try/watched.cpp" <<'EOT'
#include <cstdio>
#include <devres/devm.h>
#include <devres/dump.h>
using namespace devres;

int main()
{
    device dev("gpu0");
    if (!devm_kmalloc(&dev, 64) || devm_add_action(&dev, [] { std::puts("put away"); }))
        return 1;
    devres_dump(&dev, 1);
    std::getchar(); // here gdb and bpftrace look
}
EOT
cat >"$root/try/all.sh" <<'EOT'
set -euo pipefail
cd /try
dpkg --purge libdevres-dev libdevres0.1 2>/dev/null # of an earlier try
! find / -xdev -path '*devres*' ! -path '/try/*' | grep . || { echo 'FAILED: devres is there already'; exit 1; }
dpkg --install ./*.deb
cmake -G Ninja -S . -B build && cmake --build build && build/consumer
g++ -std=c++20 consumer.cpp -o consumer $(pkg-config --cflags --libs devres-device) && ./consumer
g++ -std=c++20 -g watched.cpp -o watched $(pkg-config --cflags --libs devres-device)
echo '== devres_dump'
./watched </dev/null
echo '== gdb'
gdb -q -nx -batch -ex 'set auto-load safe-path /' -ex 'break getchar' -ex 'run </dev/null' -ex up -ex 'print dev' \
    -ex 'print dev.devres' ./watched 2>&1 | grep '^\$'
echo '== bpftrace'
library=$(ldconfig -p | sed -n 's/.*libdevres_core.so.0.1 .*=> //p')
mkfifo go
./watched <go >said &
exec {to}>go
bpftrace -e "usdt:$library:devres:release { printf(\"- %s %s\\n\", str(arg2), str(arg3)); } BEGIN { printf(\"attached\\n\"); }" \
    -p $! >traced &
until grep -q attached traced; do sleep 0.1; done
echo >&"$to"
wait
cat traced
[[ $(grep -c '^- gpu0' traced) == 2 ]] || { echo 'FAILED: two releases were expected'; exit 1; }
dpkg --purge libdevres-dev libdevres0.1
! find / -xdev -path '*devres*' ! -path '/try/*' ! -path '/var/log/*' | grep . || { echo 'FAILED: left behind'; exit 1; }
echo 'in an empty Debian: built, dumped, shown by gdb, traced'
EOT
chroot "$root" bash /try/all.sh
