package registry

import "vidimus/internal/document"

// May says whether the source may say a payload at all, as far as that does
// not depend on what is known of the person: the matrix for files of whole
// records.
func (s Source) May(p document.Payload) bool { return s.maySend(p.Name()) && s.maySay(p) == nil }
