#!/bin/bash
# Runs a command in the sandbox. Called inside its namespaces as: enter.sh FOLDER COMMAND [ARGUMENT...]
#
# The command joins the sandbox's cgroups, so that its memory is counted with the lab's. It is told to end when its parent
# ends, which is the process that the caller sees, signals and waits for; Ctrl-C reaches it directly, and it alone.
set -eu
folder=$1
shift
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    leaf=/sys/fs/cgroup/sandbox
    if [ ! -d "$leaf" ]; then leaf=/sys/fs/cgroup/room; fi # opened by a version before 2026-11-26
    echo 0 > "$leaf/cgroup.procs"
else
    for procs in /sys/fs/cgroup/*/cgroup.procs; do
        # a cpuset or devices hierarchy that libvirt has partitioned still takes processes at its root
        echo 0 > "$procs"
    done
    clients=/sys/fs/cgroup/cpu/clients # a sandbox of an earlier version has none
    if [ -d "$clients" ]; then echo 0 > "$clients/cgroup.procs"; fi
fi
cd "$folder"
# there is nothing that a proxy could reach from here
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
exec setpriv --pdeathsig TERM env --default-signal=INT "$@"
