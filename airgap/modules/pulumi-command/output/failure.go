package output

import (
	"fmt"
	"strings"
)

// What a message shows at most, in bytes: of the command its beginning, of the output its end.
const (
	shownCommand = 400
	shownOutput  = 16 << 10
)

// Failure is the error of a command: where it ran, what was seen, the command itself, and the end of its output.
//
// What the resource's logging leaves out may be a secret, so the message leaves it out as well. Neither standard input
// nor the environment is ever part of it.
func (r *Recorder) Failure(where string, seen error, command string) error {
	failed := fmt.Errorf("%s: %w: running %q", where, seen, head(r.redactor.Redact(command)))
	if r.logging == None {
		return fmt.Errorf(`%w (its output is not shown, because logging is "none")`, failed)
	}
	r.mu.Lock()
	printed := r.joint.String()
	r.mu.Unlock()
	if printed == "" {
		return fmt.Errorf("%w (it printed nothing)", failed)
	}
	return fmt.Errorf("%w:\n%s", failed, tail(readable(r.redactor.Redact(printed))))
}

func head(text string) string {
	if len(text) <= shownCommand {
		return text
	}
	return strings.ToValidUTF8(text[:shownCommand], "") + fmt.Sprintf("… (%d bytes)", len(text))
}

// tail keeps whole lines where there are any.
func tail(text string) string {
	if len(text) <= shownOutput {
		return text
	}
	kept := text[len(text)-shownOutput:]
	if _, rest, found := strings.Cut(kept, "\n"); found && rest != "" {
		kept = rest
	}
	return fmt.Sprintf("(%d earlier bytes are left out)\n%s", len(text)-len(kept), strings.ToValidUTF8(kept, ""))
}
