# Proves whose a domain is. Sourced by the scripts that make or remove one.
# shellcheck shell=bash
export LC_ALL=C # what virsh says is read

# usage: whose URI NAME IDENTITY [FOLDER]
#   IDENTITY  of the stack; empty in a command that an earlier version left in the state
#   FOLDER    of a container: one without a mark was made by an earlier version if its root lies there
# Prints nobody, ours, or why the domain is somebody else's.
whose() {
    local uri=$1 name=$2 identity=$3 folder=${4-} names xml mark stack
    # a substitution does not inherit errexit
    names=$(virsh -q -c "$uri" list --all --name) || return 1
    if ! grep -qxF -- "$name" <<< "$names"; then
        echo nobody
        return
    fi
    xml=$(virsh -q -c "$uri" dumpxml --inactive "$name") || return 1
    mark=$(grep -o '<[a-z]*:owner xmlns:[a-z]*="urn:cilium-lab:owner" [^>]*>' <<< "$xml" | head -n 1 || true)
    if [ -n "$identity" ] && [[ $mark == *" identity=\"$identity\""* ]]; then
        echo ours
    elif { [ -z "$mark" ] || [ -z "$identity" ]; } && [ -n "$folder" ] && [[ $xml == *"<source dir='$folder/root'/>"* ]]; then
        echo ours
    elif [ -n "$mark" ]; then
        stack=${mark#* stack=\"}
        echo "it carries the mark of another stack, ${stack%%\"*}"
    else
        echo 'it carries no mark of this stack'
    fi
}
