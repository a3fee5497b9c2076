package issuance

// Meter counts what happens. Its methods must not block; labels are bounded:
// ids of configurations and words of the standard.
type Meter interface {
	Issued(configuration string, copies int)
	Deferred(configuration string)
	Denied(configuration string)
	Notified(event string) // once for each batch and event
}

// silent is the Meter of who has none.
type silent struct{}

func (silent) Issued(string, int) {}
func (silent) Deferred(string)    {}
func (silent) Denied(string)      {}
func (silent) Notified(string)    {}
