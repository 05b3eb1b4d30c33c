#!/bin/bash
# A route that survives a reboot (the study adds it by hand, and loses it).
#
# usage: static-route.sh NETWORK GATEWAY INTERFACE
. "$(dirname "$0")/lib.sh"
network=$1 gateway=$2 interface=$3
alone

put /etc/systemd/system/cilium-lab-route.service << CONF || true
[Unit]
Description=Route to $network through the router
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=$(command -v ip) route replace $network via $gateway dev $interface

[Install]
WantedBy=multi-user.target
CONF
systemctl daemon-reload
systemctl enable -q cilium-lab-route.service
systemctl restart cilium-lab-route.service
say "reaches $network through $gateway"
