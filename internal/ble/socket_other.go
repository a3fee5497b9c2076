//go:build !linux

package ble

import (
	"context"
	"errors"
)

// BlueZ is Linux's. Elsewhere there is no bluetoothd to open, and no socket of it.
var errNotLinux = errors.New("BlueZ is of Linux alone")

var errEmpty = errors.New("nothing to read")

type socket struct{}

func adopt(int) (*socket, error) { return nil, errNotLinux }
func pair() (*socket, error)     { return nil, errNotLinux }

func (*socket) given() int                          { return -1 }
func (*socket) arrived()                            {}
func (*socket) read([]byte) (int, error)            { return 0, errNotLinux }
func (*socket) each(func() bool)                    {}
func (*socket) write(context.Context, []byte) error { return errNotLinux }
func (*socket) drained(context.Context) error       { return errNotLinux }
func (*socket) close()                              {}
