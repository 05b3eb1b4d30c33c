// Package provider maps terraform-provider-libvirt onto the tokens of the PyPI package pulumi-libvirt 0.5.4.
package provider

import (
	"github.com/dmacvicar/terraform-provider-libvirt/libvirt"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
)

// Name is the package's name in Pulumi and the prefix of every token.
const Name = "libvirt"

// The longest name that Pulumi makes up for a resource which has none, and what joins its words.
const (
	longestName   = 255
	nameSeparator = "-"
)

var resources = map[string]string{
	"libvirt_domain":         "Domain",
	"libvirt_volume":         "Volume",
	"libvirt_network":        "Network",
	"libvirt_pool":           "Pool",
	"libvirt_cloudinit_disk": "CloudInitDisk",
	"libvirt_ignition":       "Ignition",
	"libvirt_combustion":     "Combustion",
}

var functions = map[string]string{
	"libvirt_network_dns_host_template":        "getNetworkDnsHostTemplate",
	"libvirt_network_dns_srv_template":         "getNetworkDnsSrvTemplate",
	"libvirt_network_dnsmasq_options_template": "getNetworkDnsmasqOptionsTemplate",
	"libvirt_node_info":                        "getNodeInfo",
	"libvirt_node_device_info":                 "getNodeDeviceInfo",
	"libvirt_node_devices":                     "getNodeDevices",
}

// Info describes the bridged provider; version is the plugin's, without a leading v.
func Info(version string) tfbridge.ProviderInfo {
	info := tfbridge.ProviderInfo{
		P:           shimv2.NewProvider(libvirt.Provider()),
		Name:        Name,
		Version:     version,
		DisplayName: "libvirt",
		GitHubOrg:   "dmacvicar",
		Config: map[string]*tfbridge.SchemaInfo{
			"uri": {Default: &tfbridge.DefaultInfo{EnvVars: []string{"LIBVIRT_DEFAULT_URI"}}},
		},
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
	}
	for terraform, name := range resources {
		info.Resources[terraform] = &tfbridge.ResourceInfo{Tok: tfbridge.MakeResource(Name, "index", name)}
	}
	for terraform, name := range functions {
		info.DataSources[terraform] = &tfbridge.DataSourceInfo{Tok: tfbridge.MakeDataSource(Name, "index", name)}
	}
	info.SetAutonaming(longestName, nameSeparator)
	return info
}
