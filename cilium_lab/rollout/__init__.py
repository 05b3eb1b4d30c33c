"""Carries a live cluster from one IPAM mode to another, without its users noticing.

Facts about Cilium 1.17 that everything here rests on (read in its source; the tests' simulated cluster behaves so):
- `kubernetes` and `cluster-pool` use one allocator in the agent, on the FIRST block that it reads when it starts: from
  the Node in the first mode, from the CiliumNode in the second (pkg/ipam/ipam.go, daemon/k8s/init.go).
- An agent in `kubernetes` writes the Node's block into its CiliumNode when it starts and whenever the Node's labels or
  annotations change; one in `cluster-pool` never touches the blocks (pkg/nodediscovery/nodediscovery.go). So nothing
  here ever annotates a Node.
- Peers hold a route to EVERY block of a CiliumNode (pkg/node/types/node.go, pkg/datapath/linux/node.go). A node may
  have its new block beside its old one for as long as that helps.
- The operator takes what CiliumNodes have when it starts, all blocks of a node, and later accepts any part of it but
  nothing new: that is an error in the status until it restarts, and the blocks stay as they are
  (pkg/ipam/allocator/podcidr/podcidr.go, reuseIPNets). In the mode `kubernetes` it does not look at them.
- An agent whose block does not hold a pod's address drops that pod's endpoint when it restarts
  (daemon/cmd/state.go, validateEndpoint): a node is empty before its block changes.
- An agent reads its configuration when its pod is made, not when its container restarts (the chart's init container
  `config`), so a crash in the middle of a migration does not change its mode.

Hence the road. Every node that is to move gets its new block beside the old one, and the operator restarts once and
takes both; now every peer has both routes. Then node by node: empty it, put the new block first, restart its agent,
bring back what belongs to the node, drop the old block. The agent takes the new mode at that same restart, while
nothing runs beside it: restarts next to live servers are what lost requests when this was measured. Only a node that
keeps its block changes its mode with its pods running.

Where a run stands is read from the cluster every time. What the cluster cannot tell (who cordoned a node, and what a
removed bare pod looked like) is in a ConfigMap of the cluster, `cilium_lab.kube.state`.
Nothing here imports Pulumi but `component`.
"""
