module cilium-lab/http-echo

go 1.24.0
