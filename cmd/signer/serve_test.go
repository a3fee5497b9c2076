package main

import (
	"errors"
	"fmt"
	"testing"

	"vidimus/internal/app/command"
	"vidimus/internal/keys/pkcs11"
)

// A refused PIN, and nothing else, ends with the exit code after which nobody starts it again.
func TestStarted(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int // of the error itself, 0 for none
	}{
		{fmt.Errorf("keys.ds: %w", fmt.Errorf("logging in: %w", pkcs11.ErrPIN)), exitPIN},
		{fmt.Errorf("keys.ds: %w", pkcs11.ErrUnavailable), 0},
		{errors.New("state.dir: locked"), 0},
	} {
		var exit *command.Exit
		got, code := started(tt.err), 0
		if errors.As(got, &exit) {
			code = exit.Code
		}
		if code != tt.code || !errors.Is(got, tt.err) {
			t.Errorf("%v: exit code %d, %v", tt.err, code, got)
		}
	}
}
