#!/bin/bash
# Cilium's upgrade as its own guide makes it: `helm upgrade` to the chart of the next release, whose RollingUpdate restarts
# the agents. A line "STEP NAME" tells where it is.
#
# usage: helm-upgrade.sh CHART
set -eu
chart=$1
system=(kubectl -n kube-system)
limit=300s

echo 'STEP helm upgrade'
helm upgrade cilium "$chart" -n kube-system --reset-then-reuse-values --set updateStrategy.type=RollingUpdate
echo 'STEP rolling update'
"${system[@]}" rollout status daemonset cilium --timeout=$limit
"${system[@]}" rollout status deployment cilium-operator --timeout=$limit
"${system[@]}" rollout status deployment hubble-relay --timeout=$limit
echo 'STEP end'
