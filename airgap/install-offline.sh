#!/bin/sh
# install-offline.sh FOLDER PACKAGE...: install Debian packages, and what they need, from a repository in a folder.
#
# The machine's own sources and lists are neither used nor changed, so it needs no network.
set -eu
repository=$(readlink -f "$1")
shift

lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
mkdir "$lists/partial"
# The file that holds the repository was compared with its sum, and names no publisher's key.
printf 'deb [trusted=yes] file:%s ./\n' "$repository" >"$lists.list"
trap 'rm -rf "$lists" "$lists.list"' EXIT
apt() {
	apt-get -qq -o "Dir::Etc::SourceList=$lists.list" -o Dir::Etc::SourceParts=/dev/null \
		-o "Dir::State::Lists=$lists" -o APT::Sandbox::User=root "$@"
}
apt update
DEBIAN_FRONTEND=noninteractive apt install -y --no-install-recommends "$@"
