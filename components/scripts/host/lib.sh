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
    local seconds=$1 what=$2 seen end=$((EPOCHSECONDS + $1))
    shift 2
    while ((EPOCHSECONDS <= end)); do
        if seen=$("$@" 2>&1); then return; fi
        sleep 0.2
    done
    fail "waiting for: $what" "true within $seconds s" "${seen:-nothing} ($*)" "run it on $(hostname) by hand"
}

# quietly WHAT NEXT COMMAND...: runs the command; what it prints is shown only when it fails
quietly() {
    local what=$1 next=$2 log
    shift 2
    log=$(mktemp)
    if ! "$@" > "$log" 2>&1; then
        tail -n 40 "$log" >&2
        rm "$log"
        fail "$what" 'exit status 0' 'the lines above' "$next"
    fi
    rm "$log"
}

# put FILE [MODE]: writes stdin to FILE when it differs; true if it was changed, false if not, the script's end if it
# can't be written. So it must not stand behind a pipe, whose parts are shells of their own: put FILE <<< text.
put() {
    local fresh
    if ! { fresh=$(mktemp) && cat > "$fresh"; }; then
        fail "writing $1" 'space for a temporary file' 'the line above' 'see the file systems of this host: df'
    fi
    if cmp -s "$fresh" "$1"; then
        rm "$fresh"
        return 1
    fi
    install -D -m "${2:-644}" "$fresh" "$1" ||
        fail "writing $1" 'a file that can be written' 'the line above' 'see the file systems of this host: df, mount'
    rm "$fresh"
}

# public_key_hash: sha256:... of the public key in the certificate on stdin, as kubeadm counts it
public_key_hash() {
    openssl x509 -pubkey -noout | openssl pkey -pubin -outform der 2> /dev/null | openssl dgst -sha256 -hex |
        sed 's/.* /sha256:/'
}

# unpack FOLDER: extracts the bundle of files on stdin (base64 of a tar) where only root can read it
unpack() {
    mkdir -p "$1"
    chmod 700 "$1"
    base64 -d | tar -x -C "$1"
}
