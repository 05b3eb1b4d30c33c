#!/bin/bash
# The router as the suite's outside world: HTTPS beside the page that it serves anyway, by a certificate that ends soon.
# The unit ends by itself, should nobody stop it.
#
# usage: outside.sh start SECONDS | stop
set -euo pipefail
unit=cilium-lab-outside folder=/run/cilium-lab-outside

stop() {
    systemctl stop "$unit" 2> /dev/null || true
    rm -rf "$folder"
}

case $1 in
start)
    stop
    umask 077
    mkdir "$folder"
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=outside \
        -keyout "$folder/key.pem" -out "$folder/certificate.pem" 2> /dev/null
    systemd-run --quiet --collect --unit "$unit" --property "RuntimeMaxSec=$2" \
        openssl s_server -quiet -www -accept 443 -key "$folder/key.pem" -cert "$folder/certificate.pem"
    for _ in $(seq 50); do
        if curl -skf -m 2 -o /dev/null https://127.0.0.1/; then exit 0; fi
        sleep 0.1
    done
    echo "no answer from https://127.0.0.1/ on $(hostname): $(journalctl -u "$unit" -n 3 -o cat)" >&2
    exit 1
    ;;
stop) stop ;;
esac
