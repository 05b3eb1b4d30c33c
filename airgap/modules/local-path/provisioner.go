package main

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

// provisioner makes and removes the folders behind volumes.
type provisioner struct {
	client    kubernetes.Interface
	config    config
	template  *corev1.Pod
	namespace string
	configMap string
}

func (p *provisioner) Provision(ctx context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	if err := checkClaim(options); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	base, err := p.config.folder(options.SelectedNode.Name)
	if err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	folder := volumeFolder(base, options)
	size := options.PVC.Spec.Resources.Requests[corev1.ResourceStorage]
	setup := task{action: "setup", node: options.SelectedNode.Name, volume: options.PVName, folder: folder, bytes: size.Value()}
	if err := p.run(ctx, setup); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	klog.Infof("%s: made %s on %s", options.PVName, folder, setup.node)
	return newVolume(folder, options), controller.ProvisioningFinished, nil
}

// Delete removes the volume's folder. Where the node is gone for good its disk went with it, and the volume may go.
func (p *provisioner) Delete(ctx context.Context, volume *corev1.PersistentVolume) error {
	node, folder, err := placeOf(volume)
	if err != nil {
		return err
	}
	if _, err := p.client.CoreV1().Nodes().Get(ctx, node, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		klog.Warningf("%s: node %s is gone, and %s with it", volume.Name, node, folder)
		return nil
	} else if err != nil {
		return err
	}
	size := volume.Spec.Capacity[corev1.ResourceStorage]
	teardown := task{action: "teardown", node: node, volume: volume.Name, folder: folder, bytes: size.Value()}
	if err := p.run(ctx, teardown); err != nil {
		return err
	}
	klog.Infof("%s: removed %s on %s", volume.Name, folder, node)
	return nil
}

func (p *provisioner) run(ctx context.Context, t task) error {
	return runHelper(ctx, p.client, helperPod(p.template, t, p.namespace, p.configMap))
}
