// Command local-path-provisioner gives every claim of its StorageClass a folder on the node of the claim's first pod.
//
// It keeps to the names, the command line and the ConfigMap of rancher/local-path-provisioner, so that the same
// manifests run either. A helper pod on the node makes and removes each folder by the ConfigMap's scripts.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v10/controller"
)

// settings are what the command line and the environment say.
type settings struct {
	config, configFolder, kubeconfig, namespace, configMap, name string
	debug                                                        bool
}

// parse reads `[--debug] start [flags]`.
func parse(args []string, environment func(string) string) (settings, error) {
	s := settings{}
	global := flag.NewFlagSet("local-path-provisioner", flag.ContinueOnError)
	global.BoolVar(&s.debug, "debug", false, "log every call")
	if err := global.Parse(args); err != nil {
		return s, err
	}
	if global.Arg(0) != "start" {
		return s, fmt.Errorf("expected the command start, got %q", global.Arg(0))
	}
	start := flag.NewFlagSet("start", flag.ContinueOnError)
	start.StringVar(&s.config, "config", "", "path of config.json")
	start.StringVar(&s.kubeconfig, "kubeconfig", "", "path of a kubeconfig; the pod's own account when empty")
	start.StringVar(&s.namespace, "namespace", environment("POD_NAMESPACE"), "namespace of the helper pods (POD_NAMESPACE)")
	start.StringVar(&s.configMap, "configmap-name", "local-path-config", "ConfigMap with setup and teardown")
	start.StringVar(&s.name, "provisioner-name", "rancher.io/local-path", "the name that a StorageClass uses")
	if err := start.Parse(global.Args()[1:]); err != nil {
		return s, err
	}
	s.configFolder = environment("CONFIG_MOUNT_PATH")
	for _, needed := range [][2]string{{"--config", s.config}, {"--namespace", s.namespace}, {"CONFIG_MOUNT_PATH", s.configFolder}} {
		if needed[1] == "" {
			return s, fmt.Errorf("%s is not set", needed[0])
		}
	}
	return s, nil
}

func start(ctx context.Context, s settings) error {
	content, err := os.ReadFile(s.config)
	if err != nil {
		return err
	}
	paths, err := parseConfig(content)
	if err != nil {
		return err
	}
	template, err := loadHelperPod(s.configFolder)
	if err != nil {
		return err
	}
	var cluster *rest.Config
	if s.kubeconfig == "" {
		cluster, err = rest.InClusterConfig()
	} else {
		cluster, err = clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	}
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(cluster)
	if err != nil {
		return err
	}
	p := &provisioner{client: client, config: paths, template: template, namespace: s.namespace, configMap: s.configMap}
	// One replica runs, so there is no leader election.
	controller.NewProvisionController(klog.FromContext(ctx), client, s.name, p, controller.LeaderElection(false)).Run(ctx)
	return nil
}

func main() {
	s, err := parse(os.Args[1:], os.Getenv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if s.debug {
		verbosity := flag.NewFlagSet("klog", flag.ExitOnError)
		klog.InitFlags(verbosity)
		_ = verbosity.Set("v", "4")
	}
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer cancel()
	if err := start(ctx, s); err != nil {
		klog.Exit(err)
	}
}
