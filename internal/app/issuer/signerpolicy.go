package issuer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vidimus/internal/pki"
	"vidimus/internal/signer"
	"vidimus/internal/signer/socket"
)

// disagreements says where the signer process holds the keys of this office to something
// else than the office will have signed: found here, and not by the first wallet. The
// error is for a signer that does not answer.
func (r *keyring) disagreements(ctx context.Context) ([]string, error) {
	if r.far == nil {
		return nil, nil
	}
	st, err := r.far.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("signer_socket: %w", err)
	}
	held := map[string]*signer.Holds{}
	for _, k := range st.Keys {
		held[k.Name] = k.Holds
	}
	var out []string
	for _, k := range r.farKeys() {
		if h := held[k.name]; h != nil { // one that is not there is told of when it is opened
			for _, text := range r.compare(k, h, theirs(st)) {
				if !slices.Contains(out, text) { // the same of every key
					out = append(out, text)
				}
			}
		}
	}
	return out, nil
}

// theirs names the configuration of the signer process.
func theirs(st socket.Status) string {
	if st.Configuration == "" {
		return "that of the signer"
	}
	return "that of the signer, " + st.Configuration
}

// farKey is a key of the signer process as this office uses it.
type farKey struct {
	name, as string // of the key, and of the signer whose it is; "" for a root
	profile  pki.Profile
}

func (r *keyring) farKeys() []farKey {
	var out []farKey
	add := func(uri, as string, p pki.Profile) {
		if name, err := signer.KeyName(uri); err == nil && atSigner(uri) {
			out = append(out, farKey{name, as, p})
		}
	}
	c := r.cfg
	for as := range c.Signers {
		for _, g := range c.generations(as) {
			add(g.Key, as, c.profile(as))
		}
	}
	add(c.ReaderCA.Key, "", pki.ProfileReaderCA)
	slices.SortFunc(out, func(a, b farKey) int { return strings.Compare(a.name, b.name) })
	return out
}

// compare is disagreements of one key.
func (r *keyring) compare(k farKey, h *signer.Holds, theirs string) (out []string) {
	add := func(format string, args ...any) {
		out = append(out, fmt.Sprintf(format, args...)+": write the same into both")
	}
	office := r.office(k.as)
	if h.PublicURL != "" && h.PublicURL != office.Issuer {
		add("public_url is %s in this configuration and %s in %s", office.Issuer, h.PublicURL, theirs)
	} else if own := office.Issuer + "/"; h.StatusPrefix != "" && !strings.HasPrefix(own, h.StatusPrefix) && !strings.HasPrefix(h.StatusPrefix, own) {
		add("lists are published below %s by public_url of this configuration, and status_prefix is %s in %s", own, h.StatusPrefix, theirs)
	}
	if k.profile == pki.ProfileAccess && h.AuthorizationServer != office.AuthorizationServer {
		add("authorization_server.issuer is %q in this configuration, and authorization_server is %q in %s", office.AuthorizationServer, h.AuthorizationServer, theirs)
	}
	if !documentSigner(k.profile) {
		return out
	}
	for _, list := range []struct {
		name       string
		want, have []string
	}{{"doctypes", office.DocTypes, h.DocTypes}, {"vcts", office.VCTs, h.VCTs}, {"claims", office.Claims, h.Claims}} {
		for _, one := range list.want {
			if !slices.Contains(list.have, one) {
				out = append(out, fmt.Sprintf("the catalogue has %s signed by %s, and keys.%s.%s does not name it in %s: add it there", one, k.as, k.name, list.name, theirs))
			}
		}
	}
	if office.WithoutStatus && !h.WithoutStatus {
		out = append(out, fmt.Sprintf("the catalogue has credentials without a status signed by %s, and keys.%s.without_status is false in %s", k.as, k.name, theirs))
	}
	return out
}
