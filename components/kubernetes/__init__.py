"""The cluster: kubeadm's documents, the control plane, the workers, the way in."""
