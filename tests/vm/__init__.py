"""Virtual machines for real: emulated by QEMU where there is no KVM, through libvirt and its Pulumi provider."""
