package main

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

// cluster is a fake API whose helper pods end at once, in the given phase.
func cluster(phase corev1.PodPhase, objects ...runtime.Object) (*fake.Clientset, *provisioner) {
	client := fake.NewClientset(objects...)
	client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		action.(clienttesting.CreateAction).GetObject().(*corev1.Pod).Status.Phase = phase
		return false, nil, nil
	})
	template := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "helper-pod", Image: "debug:1"}}}}
	paths := config{NodePathMap: []nodePaths{{Node: anyNode, Paths: []string{base}}}}
	return client, &provisioner{client: client, config: paths, template: template, namespace: "local-path-storage", configMap: "local-path-config"}
}

func created(client *fake.Clientset) []string {
	names := []string{}
	for _, action := range client.Actions() {
		if create, ok := action.(clienttesting.CreateAction); ok && action.Matches("create", "pods") {
			names = append(names, create.GetObject().(*corev1.Pod).Name)
		}
	}
	return names
}

func podsLeft(t *testing.T, client *fake.Clientset) int {
	t.Helper()
	pods, err := client.CoreV1().Pods("local-path-storage").List(context.Background(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return len(pods.Items)
}

func TestAVolumeIsMadeAndRemovedByHelperPods(t *testing.T) {
	client, p := cluster(corev1.PodSucceeded, options().SelectedNode)
	volume, state, err := p.Provision(context.Background(), options())
	if err != nil || state != controller.ProvisioningFinished {
		t.Fatalf("%s, %v", state, err)
	}
	if err := p.Delete(context.Background(), volume); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(created(client), " "); got != "helper-pod-setup-pvc-1 helper-pod-teardown-pvc-1" {
		t.Errorf("helper pods: %s", got)
	}
	if left := podsLeft(t, client); left != 0 {
		t.Errorf("%d helper pods are left behind", left)
	}
}

func TestAFailedHelperMakesNoVolume(t *testing.T) {
	client, p := cluster(corev1.PodFailed, options().SelectedNode)
	volume, _, err := p.Provision(context.Background(), options())
	if volume != nil || err == nil || !strings.Contains(err.Error(), "helper-pod-setup-pvc-1 on k8s-w1 failed") {
		t.Errorf("volume %v, error %v", volume, err)
	}
	if left := podsLeft(t, client); left != 0 {
		t.Errorf("%d helper pods are left behind", left)
	}
}

func TestAnEarlierInstancesHelperIsWaitedFor(t *testing.T) {
	earlier := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "helper-pod-setup-pvc-1", Namespace: "local-path-storage"},
		Status:     corev1.PodStatus{Phase: corev1.PodSucceeded},
	}
	client, p := cluster(corev1.PodFailed, options().SelectedNode, earlier)
	if _, _, err := p.Provision(context.Background(), options()); err != nil {
		t.Error(err)
	}
	if left := podsLeft(t, client); left != 0 {
		t.Errorf("%d helper pods are left behind", left)
	}
}

func TestAVolumeOfALostNodeNeedsNoHelper(t *testing.T) {
	client, p := cluster(corev1.PodFailed)
	o := options()
	if err := p.Delete(context.Background(), newVolume(volumeFolder(base, o), o)); err != nil {
		t.Error(err)
	}
	if names := created(client); len(names) != 0 {
		t.Errorf("helper pods: %v", names)
	}
}
