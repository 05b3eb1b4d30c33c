module cilium-lab/etcdctl

go 1.24.0

require go.etcd.io/etcd/etcdctl/v3 v3.5.21
