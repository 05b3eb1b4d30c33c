# shellcheck shell=bash
# What every script on a host shares. Sourced, never run.
set -euo pipefail

# shellcheck disable=SC2034 # used by those who source this
done_folder=/var/lib/cilium-lab # marks of steps that must not be repeated once they are whole

# say TEXT: progress, shown while `pulumi up` runs
say() { echo "$(hostname): $*" >&2; }

# fail WHAT EXPECTED SEEN NEXT: the error that a person reads
fail() {
    printf '%s: %s failed: %s\n  expected: %s\n  seen: %s\n  next: %s\n' \
        "$(hostname)" "$(basename "$0")" "$1" "$2" "$3" "$4" >&2
    exit 1
}

# alone: waits until an earlier run of any step that was cut off from its caller has ended on this host
alone() {
    exec 9> /run/lock/cilium-lab
    flock --wait 300 9 || fail 'waiting for an earlier step' 'it ends within 300 s' 'it still runs' \
        "look at it with: ssh $(hostname) ps ax"
}

# until_true SECONDS WHAT COMMAND...: polls a named condition
until_true() {
    local seconds=$1 what=$2 seen
    shift 2
    for ((i = 0; i < seconds * 5; i++)); do
        if seen=$("$@" 2>&1); then return; fi
        sleep 0.2
    done
    fail "waiting for: $what" "true within $seconds s" "${seen:-nothing} ($*)" "run it on $(hostname) by hand"
}

# put FILE [MODE]: writes stdin to FILE when it differs; true if it was changed
put() {
    local fresh
    fresh=$(mktemp)
    cat > "$fresh"
    if cmp -s "$fresh" "$1"; then
        rm "$fresh"
        return 1
    fi
    install -D -m "${2:-644}" "$fresh" "$1"
    rm "$fresh"
}

# unpack FOLDER: extracts the bundle of files on stdin (base64 of a tar) where only root can read it
unpack() {
    mkdir -p "$1"
    chmod 700 "$1"
    base64 -d | tar -x -C "$1"
}
