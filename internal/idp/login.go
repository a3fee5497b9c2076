package idp

import (
	"context"
	"net/url"
	"time"
)

// Login is who logged in.
type Login struct {
	Person string    // number in the registry
	ACR    string    // level of assurance, as the provider names it
	At     time.Time // when the person authenticated at the provider
	Name   string    // to greet by; "" when the provider did not say. Never stored
}

// Start is what a login begins with.
type Start struct {
	// Return is where the page sends the browser afterwards; it comes back in
	// the State. A path of ours, made by us.
	Return string
	// Locales are the languages of the person, BCP 47, the preferred one first.
	Locales []string
}

// State is what a login under way must remember. It travels in a cookie of the
// browser, sealed.
type State struct {
	Secret   string   `json:"s"` // the state parameter
	Nonce    string   `json:"n"`
	Verifier string   `json:"v"` // PKCE
	Return   string   `json:"r"`
	Locales  []string `json:"l,omitempty"`
}

// Provider is a way to log in.
type Provider interface {
	// Begin gives the address to send the browser to, and what to remember.
	// Kind Unavailable when the provider cannot be reached.
	Begin(ctx context.Context, s Start) (redirect string, state State, err error)
	// Finish judges the query of the callback. Kinds: AccessDenied when the
	// person or the provider said no, or the level of assurance is too low;
	// AuthenticationFailed for a callback that is not the answer to this state
	// or a token that is not good; NotFound when the registry does not know the
	// person; Unavailable.
	Finish(ctx context.Context, query url.Values, state State) (Login, error)
}

// People maps a subject of the provider to a person number, for a provider that
// does not know the registry's numbers.
type People interface {
	// Person gives the number for the value of the configured claim. Kind
	// NotFound when there is nobody.
	Person(ctx context.Context, issuer, value string) (string, error)
}
