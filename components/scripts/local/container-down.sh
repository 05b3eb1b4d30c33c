#!/bin/bash
# Ends one system container and removes all that was its own.
#
# usage: container-down.sh URI NAME FOLDER [IDENTITY]
#   IDENTITY  of the stack; a domain or a folder of another one's stays as it is. A command that an earlier version left
#             in the state has none: there the domain is known by its root in FOLDER
#
# Can be run again; what is gone already is no error.
set -euo pipefail
uri=$1 name=$2 folder=$3 identity=${4-}
. "$(dirname "$0")/owner.sh"

runs() { [ "$(virsh -q -c "$uri" domstate "$name" 2> /dev/null)" = running ]; }

# usage: ends TENTHS  whether it does so within as many tenths of a second
ends() {
    for _ in $(seq "$1"); do
        runs || return 0
        sleep 0.1
    done
    ! runs
}

remove_domain() {
    if controller=$(virsh -q -c "$uri" domid "$name" 2> /dev/null) && [ "$controller" != - ]; then
        # Killing the container's PID 1 ends its whole PID namespace at once; a plain destroy waits for each process.
        for init in $(ps -o pid= --ppid "$controller"); do
            kill -KILL "$init" 2> /dev/null || true
        done
        # On busy cores the kernel takes its time with network namespaces and BPF programs; and what is removed below
        # must not be written to any more.
        ends 100 || virsh -q -c "$uri" destroy "$name" > /dev/null 2>&1 || true
        if ! ends 500; then
            printf 'container %s: its processes did not end\n  expected: %s\n  seen: %s\n  next: %s\n' "$name" \
                'state shut off within a minute of SIGKILL' "state running, children of $controller:
$(ps -o pid=,stat=,comm= --ppid "$controller")" 'run the same command again' >&2
            exit 1
        fi
    fi
    # one that was not persistent is gone by now
    if [ "$(whose "$uri" "$name" "$identity" "$folder")" = ours ]; then
        virsh -q -c "$uri" undefine "$name" > /dev/null
    fi
}

whose=$(whose "$uri" "$name" "$identity" "$folder")
case $whose in
    nobody) ;;
    ours) remove_domain ;;
    *) echo "domain $name of $uri stays: $whose" >&2 ;;
esac
if [ -n "$identity" ] && [ -s "$folder/owner" ] && [ "$(< "$folder/owner")" != "$identity" ]; then
    echo "folder $folder stays: it belongs to the stack with identity $(< "$folder/owner")" >&2
    exit 0
fi
if mountpoint -q "$folder/root"; then
    umount "$folder/root" || umount --lazy "$folder/root"
fi
rm -rf "$folder"
# the last of all hosts takes the folder of all with it; two may end at once, and each find it there
all=$(dirname "$folder")
rmdir --ignore-fail-on-non-empty "$all" 2> /dev/null || [ ! -d "$all" ]
echo "container $name is gone" >&2
