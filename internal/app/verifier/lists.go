package verifier

import (
	"errors"
	"fmt"
	"time"

	"vidimus/internal/statuslist"
	"vidimus/internal/verification"
)

// listKey is how a status list is found: by the subject that it claims, in the
// container that the credential needs. Whether it may claim it, verification
// finds out.
type listKey struct {
	subject string
	format  statuslist.Format
}

type listSet map[listKey][]byte

// loadLists reads files with status list and identifier list tokens. One list
// may be given as JWT and as CWT.
func loadLists(f *files, names []string) (listSet, error) {
	lists := listSet{}
	for _, file := range names {
		in, err := f.open(file)
		if err != nil {
			return nil, err
		}
		key, err := keyOf(in.Data)
		if err != nil {
			return nil, fmt.Errorf("%s is no status list: %w", file, err)
		}
		if _, twice := lists[key]; twice {
			return nil, fmt.Errorf("%s: a second %s list for %s", file, key.format, key.subject)
		}
		lists[key] = in.Data
	}
	return lists, nil
}

func keyOf(data []byte) (listKey, error) {
	token, err := statuslist.ParseToken(data)
	if err == nil {
		return listKey{token.Subject, token.Format}, nil
	}
	if list, other := statuslist.ParseIdentifierList(data); other == nil {
		return listKey{list.Subject, list.Format}, nil
	}
	return listKey{}, err
}

// of gives the lists of one container, nil when there is none at all.
func (s listSet) of(format statuslist.Format) func(string) ([]byte, error) {
	if len(s) == 0 {
		return nil
	}
	return func(uri string) ([]byte, error) {
		if data, ok := s[listKey{uri, format}]; ok {
			return data, nil
		}
		for key := range s {
			if key.subject == uri {
				return nil, fmt.Errorf("--status has it as %s, and this credential needs a %s", key.format, format)
			}
		}
		return nil, errors.New("it is not among the files given with --status")
	}
}

// into gives a verification the lists of one container: the files are asked first,
// and then the bundle, at the instant of each check.
func (s listSet) into(opt *verification.Options, k *Knowledge, format statuslist.Format) {
	if k == nil {
		opt.Lists = s.of(format)
		return
	}
	opt.Carried = func(uri string, now time.Time) (*statuslist.Opened, error) {
		if data, ok := s[listKey{uri, format}]; ok {
			return &statuslist.Opened{Raw: data}, nil
		}
		return k.Carried(uri, format, now)
	}
}
