package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

const base = "/opt/local-path-provisioner"

func options() controller.ProvisionOptions {
	policy := corev1.PersistentVolumeReclaimDelete
	return controller.ProvisionOptions{
		StorageClass: &storagev1.StorageClass{ReclaimPolicy: &policy},
		PVName:       "pvc-1",
		PVC: &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Name: "data", Namespace: "default"},
			Spec: corev1.PersistentVolumeClaimSpec{
				AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
				Resources: corev1.VolumeResourceRequirements{
					Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
				},
			},
		},
		SelectedNode: &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "k8s-w1", Labels: map[string]string{corev1.LabelHostname: "w1.lab"}}},
	}
}

func TestConfigChoosesTheNodesOwnPathFirst(t *testing.T) {
	c, err := parseConfig([]byte(`{"nodePathMap":[{"node":"DEFAULT_PATH_FOR_NON_LISTED_NODES","paths":["/opt/local-path-provisioner"]},{"node":"k8s-w2","paths":["/data/fast"]},{"node":"k8s-cp","paths":[]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for node, want := range map[string]string{"k8s-w1": base, "k8s-w2": "/data/fast", "k8s-cp": base} {
		if got, err := c.folder(node); err != nil || got != want {
			t.Errorf("%s: got %q, %v; expected %q", node, got, err, want)
		}
	}
	if _, err := (config{}).folder("k8s-w1"); err == nil || !strings.Contains(err.Error(), "k8s-w1") {
		t.Errorf("a node without a path: got %v", err)
	}
}

func TestConfigRefusesDangerousPaths(t *testing.T) {
	for _, folder := range []string{"/", "/opt", "opt/volumes", "/opt/../etc/x", "/opt/volumes/"} {
		if _, err := parseConfig([]byte(`{"nodePathMap":[{"node":"n","paths":["` + folder + `"]}]}`)); err == nil {
			t.Errorf("%q was accepted", folder)
		}
	}
	if _, err := parseConfig([]byte(`{"nodePathMap":`)); err == nil {
		t.Error("broken JSON was accepted")
	}
}

func TestClaimsThatAFolderCannotServeAreRefused(t *testing.T) {
	block := corev1.PersistentVolumeBlock
	cases := map[string]func(*controller.ProvisionOptions){
		"no node":  func(o *controller.ProvisionOptions) { o.SelectedNode = nil },
		"selector": func(o *controller.ProvisionOptions) { o.PVC.Spec.Selector = &metav1.LabelSelector{} },
		"block":    func(o *controller.ProvisionOptions) { o.PVC.Spec.VolumeMode = &block },
		"many writers": func(o *controller.ProvisionOptions) {
			o.PVC.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		},
	}
	for name, change := range cases {
		o := options()
		change(&o)
		if checkClaim(o) == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := checkClaim(options()); err != nil {
		t.Errorf("a good claim: %v", err)
	}
}

func TestVolumeIsBoundToItsNodeAndRemembersItsPlace(t *testing.T) {
	o := options()
	folder := volumeFolder(base, o)
	if want := base + "/pvc-1_default_data"; folder != want {
		t.Fatalf("folder %s, expected %s", folder, want)
	}
	volume := newVolume(folder, o)
	match := volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0]
	if match.Key != corev1.LabelHostname || len(match.Values) != 1 || match.Values[0] != "w1.lab" {
		t.Errorf("affinity %+v, expected the node's hostname label", match)
	}
	if got := volume.Spec.Capacity[corev1.ResourceStorage]; got.String() != "1Gi" {
		t.Errorf("capacity %s", got.String())
	}
	if volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("policy %s", volume.Spec.PersistentVolumeReclaimPolicy)
	}
	if node, path, err := placeOf(volume); err != nil || node != "k8s-w1" || path != folder {
		t.Errorf("place %s %s %v", node, path, err)
	}
	if _, _, err := placeOf(&corev1.PersistentVolume{}); err == nil {
		t.Error("a foreign volume was accepted")
	}
}

func TestHelperPodRunsTheScriptBesideTheFolder(t *testing.T) {
	template := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "helper-pod", Image: "debug:1"}}}}
	work := task{action: "teardown", node: "k8s-w1", volume: "pvc-1", folder: base + "/pvc-1_default_data", bytes: 1 << 30}
	pod := helperPod(template, work, "local-path-storage", "local-path-config")
	if len(template.Spec.Volumes) != 0 {
		t.Error("the template was changed")
	}
	if pod.Name != "helper-pod-teardown-pvc-1" || pod.Spec.NodeName != "k8s-w1" || pod.Spec.RestartPolicy != corev1.RestartPolicyNever {
		t.Errorf("pod %s on %s, %s", pod.Name, pod.Spec.NodeName, pod.Spec.RestartPolicy)
	}
	if got := pod.Spec.Volumes[0].HostPath.Path; got != base {
		t.Errorf("mounts %s, expected the folder's parent %s", got, base)
	}
	container := pod.Spec.Containers[0]
	if got := strings.Join(container.Command, " "); got != "/bin/sh /script/teardown" {
		t.Errorf("command %q", got)
	}
	if got := container.Env[0]; got.Name != "VOL_DIR" || got.Value != work.folder {
		t.Errorf("environment %+v", got)
	}
	work.volume = strings.Repeat("x", 80)
	if name := helperPod(template, work, "n", "c").Name; len(name) > maxNameLength {
		t.Errorf("name of %d characters", len(name))
	}
}

func TestHelperTemplateMustHaveOneContainer(t *testing.T) {
	folder := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(folder, "helperPod.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - {name: h, image: debug:1}\n")
	if pod, err := loadHelperPod(folder); err != nil || pod.Spec.Containers[0].Image != "debug:1" {
		t.Errorf("%v", err)
	}
	write("apiVersion: v1\nkind: Pod\nspec: {containers: []}\n")
	if _, err := loadHelperPod(folder); err == nil {
		t.Error("a pod without containers was accepted")
	}
}

func TestCommandLineIsUpstreams(t *testing.T) {
	environment := map[string]string{"POD_NAMESPACE": "local-path-storage", "CONFIG_MOUNT_PATH": "/etc/config/"}
	s, err := parse([]string{"--debug", "start", "--config", "/etc/config/config.json"}, func(name string) string { return environment[name] })
	if err != nil || !s.debug || s.config != "/etc/config/config.json" || s.namespace != "local-path-storage" || s.name != "rancher.io/local-path" {
		t.Errorf("%+v %v", s, err)
	}
	for _, args := range [][]string{{}, {"stop"}, {"start"}} {
		if _, err := parse(args, func(string) string { return "" }); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
