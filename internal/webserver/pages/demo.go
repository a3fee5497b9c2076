package pages

import (
	"net/http"
	"net/url"
)

// DemoPerson is one who can be picked on the page of the demo login.
type DemoPerson struct{ Number, Name string }

// ShowDemo is the page on which a demo person is picked, in development: at the
// path here, for the login that the query names, on to the path callback.
func (v *Visit) ShowDemo(here, callback string, people []DemoPerson) error {
	state := v.C.Query("state")
	return v.Show(http.StatusOK, "demo.html", struct {
		*Frame
		Callback, State string
		People          []DemoPerson
	}{v.Frame("demo.title", here+"?"+url.Values{"state": {state}}.Encode()), callback, state, people})
}
