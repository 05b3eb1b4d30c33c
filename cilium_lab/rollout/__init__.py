"""Migrates a live cluster from one IPAM mode to another, without disruption for its users.

Facts about Cilium 1.17 that everything here rests on (read in its source; the tests' simulated cluster behaves so):
- `kubernetes` and `cluster-pool` use one allocator in the agent, on the FIRST pod CIDR that it reads when it starts:
  from the Node in the first mode, from the CiliumNode in the second (pkg/ipam/ipam.go, daemon/k8s/init.go).
- An agent in `kubernetes` writes the Node's pod CIDR into its CiliumNode when it starts and whenever the Node's labels
  or annotations change; one in `cluster-pool` never touches them (pkg/nodediscovery/nodediscovery.go). So nothing here
  ever annotates a Node.
- Peers hold a route to EVERY pod CIDR of a CiliumNode (pkg/node/types/node.go, pkg/datapath/linux/node.go). A node may
  have its new pod CIDR beside its old one for as long as that helps.
- The operator accepts what CiliumNodes have when it starts, all pod CIDRs of a node, and later any subset of it but
  nothing new: that is an error in the status until it restarts, and the spec stays as it is
  (pkg/ipam/allocator/podcidr/podcidr.go, reuseIPNets). In the mode `kubernetes` it does not read them.
- An agent whose pod CIDR does not hold a pod's address drops that pod's endpoint when it restarts
  (daemon/cmd/state.go, validateEndpoint): a node is drained before its pod CIDR changes.
- An agent reads its configuration when its pod is created, not when its container restarts (the chart's init container
  `config`), so a crash in the middle of a migration does not change its mode.

- In multi-pool a node gets pod CIDRs of each pool as it needs them, and no agent that finds none of the default pool
  keeps its endpoints. Since 1.20 an operator that starts in that mode makes what CiliumNodes have in podCIDRs an
  allocation of the default pool (operator/pkg/ipam/allocator/multipool, enable-cluster-pool-to-multi-pool-migration);
  until their restart agents of cluster-pool go on with it, and peers keep their routes. Nothing leads back.

Hence the stages. Every node that is to move gets its new pod CIDR beside the old one, and the operator restarts once
and accepts both; now every peer has both routes. Then node by node: drain it, put the new pod CIDR first, restart its
agent, re-create what belongs to the node, drop the old pod CIDR. The agent switches its mode at that same restart,
while nothing runs beside it: restarts next to live servers are what lost requests when this was measured. Only a node
that keeps its pod CIDR switches its mode with its pods running.

The stage of a run is derived from the cluster every time. What the cluster does not record (which nodes a run has
cordoned, and the manifests of deleted bare pods) is in a ConfigMap of the cluster, `cilium_lab.kube.state`.
"""
