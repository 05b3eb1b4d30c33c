package main

import (
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
)

const (
	helperLimit   = 2 * time.Minute
	helperPoll    = 500 * time.Millisecond
	scriptFolder  = "/script"
	logTail       = int64(20)
	helperLabel   = "cilium-lab/local-path-action"
	maxNameLength = 63
)

// task is one folder to make or remove on one node.
type task struct {
	action string // the script's name in the ConfigMap: setup or teardown
	node   string
	volume string
	folder string
	bytes  int64
}

// helperPod is the pod that runs a task's script on its node: the administrator's template, with the folder's parent
// mounted (the folder itself does not exist before setup, and a mounted one cannot be removed by teardown).
func helperPod(template *corev1.Pod, t task, namespace, configMap string) *corev1.Pod {
	pod := template.DeepCopy()
	name := fmt.Sprintf("helper-pod-%s-%s", t.action, t.volume)
	pod.Name, pod.Namespace = name[:min(len(name), maxNameLength)], namespace
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[helperLabel] = t.action
	kind := corev1.HostPathDirectoryOrCreate
	parent := path.Dir(t.folder)
	spec := &pod.Spec
	spec.NodeName = t.node // not scheduled: a cordoned or full node must still be able to clean up
	spec.RestartPolicy = corev1.RestartPolicyNever
	spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	no := false
	spec.AutomountServiceAccountToken = &no
	spec.Volumes = append(spec.Volumes,
		corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: parent, Type: &kind},
		}},
		corev1.Volume{Name: "script", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: configMap}},
		}},
	)
	container := &spec.Containers[0]
	container.Command = []string{"/bin/sh", path.Join(scriptFolder, t.action)}
	container.Env = append(container.Env,
		corev1.EnvVar{Name: "VOL_DIR", Value: t.folder},
		corev1.EnvVar{Name: "VOL_MODE", Value: string(corev1.PersistentVolumeFilesystem)},
		corev1.EnvVar{Name: "VOL_SIZE_BYTES", Value: strconv.FormatInt(t.bytes, 10)},
	)
	container.VolumeMounts = append(container.VolumeMounts,
		corev1.VolumeMount{Name: "data", MountPath: parent},
		corev1.VolumeMount{Name: "script", MountPath: scriptFolder, ReadOnly: true},
	)
	return pod
}

// runHelper runs the pod to its end and removes it. A pod of that name that is already there is one that an earlier
// instance of this program started: it is waited for.
func runHelper(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) error {
	pods := client.CoreV1().Pods(pod.Namespace)
	if _, err := pods.Create(ctx, pod, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("helper pod %s: %w", pod.Name, err)
	}
	defer func() {
		now := int64(0)
		// Not ctx: it may have ended, and the pod has to go all the same.
		if err := pods.Delete(context.Background(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil && !apierrors.IsNotFound(err) {
			klog.Errorf("helper pod %s is left behind: %v", pod.Name, err)
		}
	}()
	var phase corev1.PodPhase
	err := wait.PollUntilContextTimeout(ctx, helperPoll, helperLimit, true, func(ctx context.Context) (bool, error) {
		seen, err := pods.Get(ctx, pod.Name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		phase = seen.Status.Phase
		return phase == corev1.PodSucceeded || phase == corev1.PodFailed, nil
	})
	if err != nil {
		return fmt.Errorf("helper pod %s on %s: expected it to end within %s, last seen %q: %w", pod.Name, pod.Spec.NodeName, helperLimit, phase, err)
	}
	if phase == corev1.PodFailed {
		return fmt.Errorf("helper pod %s on %s failed: %s", pod.Name, pod.Spec.NodeName, helperLog(ctx, client, pod))
	}
	return nil
}

// helperLog is the end of what the pod printed, or why that cannot be had.
func helperLog(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod) string {
	tail := logTail
	stream, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{TailLines: &tail}).Stream(ctx)
	if err != nil {
		return err.Error()
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
