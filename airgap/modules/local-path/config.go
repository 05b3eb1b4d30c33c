package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// anyNode is the key of the paths for nodes that the configuration does not name.
const anyNode = "DEFAULT_PATH_FOR_NON_LISTED_NODES"

// config is config.json: where volumes lie, by node.
type config struct {
	NodePathMap []nodePaths `json:"nodePathMap"`
}

type nodePaths struct {
	Node  string   `json:"node"`
	Paths []string `json:"paths"`
}

// parseConfig reads config.json and refuses paths that a typing error could turn into the host's own folders.
func parseConfig(content []byte) (config, error) {
	var c config
	if err := json.Unmarshal(content, &c); err != nil {
		return c, fmt.Errorf("config.json: %w", err)
	}
	for _, entry := range c.NodePathMap {
		for _, folder := range entry.Paths {
			if !path.IsAbs(folder) || path.Clean(folder) != folder || path.Dir(folder) == "/" {
				return c, fmt.Errorf("config.json: node %s: expected a clean absolute path at least two levels deep, got %q", entry.Node, folder)
			}
		}
	}
	return c, nil
}

// folder is where the volumes of a node lie; the first path that the configuration names for it.
func (c config) folder(node string) (string, error) {
	for _, wanted := range []string{node, anyNode} {
		for _, entry := range c.NodePathMap {
			if entry.Node == wanted && len(entry.Paths) > 0 {
				return entry.Paths[0], nil
			}
		}
	}
	return "", fmt.Errorf("config.json names no path for node %s and none for %s", node, anyNode)
}

// loadHelperPod reads the manifest of the helper pod: its image and whatever else the administrator sets in it.
func loadHelperPod(folder string) (*corev1.Pod, error) {
	content, err := os.ReadFile(filepath.Join(folder, "helperPod.yaml"))
	if err != nil {
		return nil, err
	}
	var pod corev1.Pod
	if err := yaml.UnmarshalStrict(content, &pod); err != nil {
		return nil, fmt.Errorf("helperPod.yaml: %w", err)
	}
	if len(pod.Spec.Containers) != 1 || pod.Spec.Containers[0].Image == "" {
		return nil, fmt.Errorf("helperPod.yaml: expected one container with an image, got %d containers", len(pod.Spec.Containers))
	}
	return &pod, nil
}
