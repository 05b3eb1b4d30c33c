module cilium-lab/cri-tools

go 1.24.1

require sigs.k8s.io/cri-tools v1.34.0

require (
	k8s.io/cri-api v0.34.0 // indirect
	k8s.io/cri-client v0.34.0 // indirect
)
