package remote

import (
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
)

// wrongHostKey is final: a retry would only be another chance for a machine in between.
type wrongHostKey struct{ expected, shown string }

func (w *wrongHostKey) Error() string {
	return fmt.Sprintf("host key mismatch: expected %s (hostKey), but the server has shown %s; either the host was"+
		" re-created and hostKey is out of date, or another machine answers at this address", w.expected, w.shown)
}

func describeKey(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }

// trust sets which host key a handshake accepts. Without hostKey any is accepted, as in pulumi-command.
func (e Endpoint) trust(config *ssh.ClientConfig) error {
	if e.HostKey == nil {
		config.HostKeyCallback = ssh.InsecureIgnoreHostKey()
		return nil
	}
	pinned, _, _, _, err := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
	if err != nil {
		return fmt.Errorf("hostKey: expected a line such as %q: %w", "ssh-ed25519 AAAA...", err)
	}
	config.HostKeyCallback = func(_ string, _ net.Addr, shown ssh.PublicKey) error {
		if string(shown.Marshal()) == string(pinned.Marshal()) {
			return nil
		}
		return &wrongHostKey{describeKey(pinned), describeKey(shown)}
	}
	// The server has a key of each type and shows the one that the client requests: request the pinned type.
	config.HostKeyAlgorithms = []string{pinned.Type()}
	if pinned.Type() == ssh.KeyAlgoRSA {
		config.HostKeyAlgorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return nil
}

// asWrongHostKey recognises a server that has no key of the pinned type at all.
func (e Endpoint) asWrongHostKey(err *ssh.AlgorithmNegotiationError) error {
	if e.HostKey == nil || err.What != "host key" {
		return nil
	}
	pinned, _, _, _, parseErr := ssh.ParseAuthorizedKey([]byte(*e.HostKey))
	if parseErr != nil {
		return nil
	}
	return &wrongHostKey{describeKey(pinned), fmt.Sprintf("only keys of the types %v", err.RequestedAlgorithms)}
}
