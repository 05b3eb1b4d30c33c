module cilium-lab/k9s

go 1.24.3

require github.com/derailed/k9s v0.50.9
