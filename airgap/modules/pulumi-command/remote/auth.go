package remote

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// credentials are what an endpoint is entered with, and their names for messages. Close them after the handshake.
type credentials struct {
	methods []ssh.AuthMethod
	names   []string
	close   func()
}

func (c *credentials) add(name string, methods ...ssh.AuthMethod) {
	c.names = append(c.names, name)
	c.methods = append(c.methods, methods...)
}

func (c *credentials) String() string {
	if len(c.names) == 0 {
		return "nothing"
	}
	return strings.Join(c.names, ", ")
}

func (e Endpoint) credentials() (*credentials, error) {
	found := &credentials{close: func() {}}
	if e.PrivateKey != nil {
		signer, err := e.signer()
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("private key %s %s", signer.PublicKey().Type(), ssh.FingerprintSHA256(signer.PublicKey()))
		found.add(name, ssh.PublicKeys(signer))
	}
	if e.Password != nil {
		password := *e.Password
		answer := func(_, _ string, questions []string, _ []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i := range answers {
				answers[i] = password
			}
			return answers, nil
		}
		found.add("password", ssh.Password(password), ssh.KeyboardInteractive(answer))
	}
	return found, e.addAgent(found)
}

func (e Endpoint) signer() (ssh.Signer, error) {
	key := []byte(*e.PrivateKey)
	var signer ssh.Signer
	var err error
	if e.PrivateKeyPassword == nil {
		signer, err = ssh.ParsePrivateKey(key)
	} else {
		signer, err = ssh.ParsePrivateKeyWithPassphrase(key, []byte(*e.PrivateKeyPassword))
	}
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, errors.New("privateKey is encrypted: set privateKeyPassword")
	case err != nil:
		return nil, fmt.Errorf("privateKey: expected a private key in PEM or OpenSSH format: %w", err)
	}
	return signer, nil
}

// addAgent offers the keys of an SSH agent. One that only the environment names may be gone.
func (e Endpoint) addAgent(found *credentials) error {
	path := value(e.AgentSocketPath, os.Getenv("SSH_AUTH_SOCK"))
	if path == "" {
		return nil
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		found.add("SSH agent "+path, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
		found.close = func() { _ = conn.Close() }
		return nil
	case e.AgentSocketPath == nil:
		return nil
	default:
		return fmt.Errorf("agentSocketPath: %w", err)
	}
}
