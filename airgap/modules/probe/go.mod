module cilium-lab/probe

go 1.24.0
