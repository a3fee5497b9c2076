package pkcs11

import "fmt"

// wording is an error in its own words, which matches the classes that it is of: a PIN
// that was not tried was not refused, and an object in a token is no file.
type wording struct {
	text    string
	classes []error
}

func (w *wording) Error() string { return w.text }

func (w *wording) Unwrap() []error { return w.classes }

// noPIN is for the file of a PIN that cannot be used: nothing was tried. It matches
// ErrPIN, and whatever is wrapped.
func noPIN(format string, args ...any) error {
	why := fmt.Errorf(format, args...)
	return &wording{fmt.Sprintf("the PIN file (pin-source) cannot be used, no PIN was tried: %v", why), []error{ErrPIN, why}}
}
