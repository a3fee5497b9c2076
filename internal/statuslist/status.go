package statuslist

import "fmt"

// Status is one entry of a list. Its zero value is no status at all, so that a
// forgotten error never reads as valid.
type Status uint16

// present marks a Status that was read; the value is in the low byte.
const present Status = 0x100

// The values with a meaning of their own (section 7.1).
const (
	Valid     = present
	Invalid   = present | 0x01 // permanently
	Suspended = present | 0x02
)

// Of gives the status of a value as it stands in a list.
func Of(value uint8) Status { return present | Status(value) }

// Value is what stands in the list, and whether s is a status.
func (s Status) Value() (value uint8, ok bool) { return uint8(s), s&present != 0 }

// ApplicationSpecific reports a value whose meaning applications agree on.
func (s Status) ApplicationSpecific() bool {
	return s == Of(0x03) || Of(0x0c) <= s && s <= Of(0x0f)
}

// Reserved reports a value that the registry has not given out yet.
func (s Status) Reserved() bool {
	return s > Suspended && !s.ApplicationSpecific()
}

func (s Status) String() string {
	value, ok := s.Value()
	switch {
	case !ok:
		return "unknown"
	case s == Valid:
		return "VALID"
	case s == Invalid:
		return "INVALID"
	case s == Suspended:
		return "SUSPENDED"
	case s.ApplicationSpecific():
		return fmt.Sprintf("application specific %#02x", value)
	}
	return fmt.Sprintf("reserved %#02x", value)
}
