package main

import (
	"errors"
	"fmt"
	"path"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

// nodeAnnotation records on a volume which node holds its folder.
const nodeAnnotation = "local.path.provisioner/selected-node"

// checkClaim refuses what a folder of one node cannot give.
func checkClaim(options controller.ProvisionOptions) error {
	claim := options.PVC
	if options.SelectedNode == nil {
		return errors.New("no node was selected: the StorageClass needs volumeBindingMode WaitForFirstConsumer")
	}
	if claim.Spec.Selector != nil {
		return errors.New("claim.spec.selector is not supported")
	}
	if mode := claim.Spec.VolumeMode; mode != nil && *mode != corev1.PersistentVolumeFilesystem {
		return fmt.Errorf("volume mode %s is not supported: a folder holds files", *mode)
	}
	for _, mode := range claim.Spec.AccessModes {
		if mode != corev1.ReadWriteOnce && mode != corev1.ReadWriteOncePod {
			return fmt.Errorf("access mode %s is not supported: the folder lies on one node", mode)
		}
	}
	return nil
}

// volumeFolder is the volume's folder on its node: one level below base, named after the volume and its claim.
func volumeFolder(base string, options controller.ProvisionOptions) string {
	return path.Join(base, fmt.Sprintf("%s_%s_%s", options.PVName, options.PVC.Namespace, options.PVC.Name))
}

// newVolume is the PersistentVolume of a folder; only its node may run the pods that use it.
func newVolume(folder string, options controller.ProvisionOptions) *corev1.PersistentVolume {
	kind := corev1.HostPathDirectoryOrCreate
	mode := corev1.PersistentVolumeFilesystem
	policy := corev1.PersistentVolumeReclaimDelete
	if options.StorageClass.ReclaimPolicy != nil {
		policy = *options.StorageClass.ReclaimPolicy
	}
	node := options.SelectedNode
	hostname, labelled := node.Labels[corev1.LabelHostname]
	if !labelled {
		hostname = node.Name
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        options.PVName,
			Annotations: map[string]string{nodeAnnotation: node.Name},
		},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: policy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			VolumeMode:                    &mode,
			Capacity: corev1.ResourceList{
				corev1.ResourceStorage: options.PVC.Spec.Resources.Requests[corev1.ResourceStorage],
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: folder, Type: &kind},
			},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{
					Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{hostname},
				}}}},
			}},
		},
	}
}

// placeOf returns where a volume's folder is. A volume that this provisioner did not make is an error.
func placeOf(volume *corev1.PersistentVolume) (node, folder string, err error) {
	node = volume.Annotations[nodeAnnotation]
	if node == "" || volume.Spec.HostPath == nil {
		return "", "", fmt.Errorf("volume %s: expected a hostPath and the annotation %s, which this provisioner sets", volume.Name, nodeAnnotation)
	}
	return node, volume.Spec.HostPath.Path, nil
}
