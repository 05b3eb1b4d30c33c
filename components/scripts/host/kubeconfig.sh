#!/bin/bash
# Prints the administrator's kubeconfig (a secret).
. "$(dirname "$0")/lib.sh"
cat /etc/kubernetes/admin.conf
