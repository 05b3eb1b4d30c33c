"""The Pulumi program of the Cilium study lab: pure functions on frozen types, and components that wire them."""
