package remote

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Whatever a connection's inputs are: an answer and no panic, and no private key in the words of an error.
func FuzzEndpoint(f *testing.F) {
	f.Add("root", "172.31.1.10", 22.0, "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n", "", "ssh-ed25519 AAAA")
	f.Add("", "::1", -1.5, "not a key at all", "open sesame", "ssh-rsa !")
	f.Add("a b", "host name", 1e300, "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----", "x", "")
	f.Fuzz(func(t *testing.T, user, host string, port float64, key, passphrase, hostKey string) {
		e := Endpoint{User: &user, Host: host, Port: &port, PrivateKey: &key, HostKey: &hostKey}
		if passphrase != "" {
			e.PrivateKeyPassword = &passphrase
		}
		_, _ = e.where(), e.address()
		offered, err := e.credentials()
		if err == nil {
			offered.close()
			_ = offered.String()
		} else if body := strings.TrimSpace(key); len(body) > 20 && strings.Contains(err.Error(), body) {
			t.Errorf("the key is in the error: %v", err)
		}
		config := &ssh.ClientConfig{}
		if err := e.trust(config); err == nil && (config.HostKeyCallback == nil || len(config.HostKeyAlgorithms) == 0) {
			t.Errorf("hostKey %q is pinned to nothing", hostKey)
		}
	})
}
