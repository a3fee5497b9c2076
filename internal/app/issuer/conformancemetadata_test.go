package issuer_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/language"

	"vidimus/internal/app/issuer"
)

// The tests of these files do what the OpenID Foundation's conformance suite
// does to an issuer and to its authorization server. Their cases bear the names
// of its conditions; docs/CONFORMANCE.md has the table.

// object is a JSON object.
type object = map[string]any

// unknown are the members of an object that a document of its kind does not have.
func unknown(o object, known string) (out []string) {
	for name := range o {
		if !slices.Contains(strings.Fields(known), name) {
			out = append(out, name)
		}
	}
	return out
}

// Members by VCI 1.0, 12.2.4, with those of the EUDI profile, which the suite
// warns of.
const (
	issuerMembers = "credential_issuer authorization_servers credential_endpoint nonce_endpoint deferred_credential_endpoint notification_endpoint " +
		"credential_request_encryption credential_response_encryption batch_credential_issuance display credential_configurations_supported " +
		"issuer_info preferred_client_status_period"
	configurationMembers = "format scope credential_signing_alg_values_supported cryptographic_binding_methods_supported proof_types_supported " +
		"credential_metadata doctype vct"
	serverMembers = "issuer authorization_endpoint token_endpoint pushed_authorization_request_endpoint require_pushed_authorization_requests jwks_uri " +
		"response_types_supported response_modes_supported grant_types_supported pre-authorized_grant_anonymous_access_supported " +
		"code_challenge_methods_supported token_endpoint_auth_methods_supported client_attestation_signing_alg_values_supported " +
		"client_attestation_pop_signing_alg_values_supported challenge_endpoint dpop_signing_alg_values_supported " +
		"authorization_details_types_supported authorization_response_iss_parameter_supported scopes_supported"
)

// inProduction is an office as a state runs it: https, wallet providers, a login.
func inProduction(t *testing.T) *office {
	t.Helper()
	ca := newAuthority(t, t.TempDir(), "providers")
	o := newOffice(t, func(c *issuer.Config) {
		*c = production(t, *c)
		c.Clients = nil
		c.Wallets.Attesters, c.Wallets.Challenges, c.Wallets.DPoPNonces = []string{filepath.Join(t.TempDir(), "providers.pem")}, true, true
		write(t, c.Wallets.Attesters[0], "CERTIFICATE", ca.cert.Raw)
		c.Login = issuer.Login{Issuer: "https://login.example", ClientID: "vidimus", ACR: []string{"high"}, PersonClaim: "sub"}
	})
	return o.serve()
}

// document fetches JSON from the public listener.
func (o *office) document(t *testing.T, path string) object {
	t.Helper()
	status, header, body := o.get("http://" + o.app.Addresses().Public + path)
	if status != http.StatusOK || header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s: %d, %v", path, status, header)
	}
	return reply{status, header, body}.members(t)
}

func isHTTPS(v any) bool {
	s, _ := v.(string)
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}

// list reads an array of strings; nil when it is none, or empty.
func list(v any) (out []string) {
	all, _ := v.([]any)
	for _, v := range all {
		s, ok := v.(string)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

var scopeToken = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]+$`)

func TestConformanceIssuerMetadata(t *testing.T) {
	t.Parallel()
	o := inProduction(t)
	m := o.document(t, "/.well-known/openid-credential-issuer")
	configurations, _ := m["credential_configurations_supported"].(object)
	each := func(t *testing.T, f func(t *testing.T, c object)) {
		for id, c := range configurations {
			t.Run(id, func(t *testing.T) { f(t, c.(object)) })
		}
	}
	for name, check := range map[string]func(t *testing.T){
		"VCICheckRequiredMetadataFields": func(t *testing.T) {
			if m["credential_issuer"] == nil || m["credential_endpoint"] == nil || len(configurations) < 3 {
				t.Error(m)
			}
			each(t, func(t *testing.T, c object) {
				if c["format"] == nil || c["doctype"] == nil == (c["vct"] == nil) {
					t.Error(c)
				}
			})
		},
		"VCIEnsureHttpsUrlsMetadata": func(t *testing.T) {
			for _, name := range []string{"credential_issuer", "credential_endpoint", "nonce_endpoint", "deferred_credential_endpoint", "notification_endpoint"} {
				if !isHTTPS(m[name]) {
					t.Errorf("%s: %v", name, m[name])
				}
			}
		},
		// The authorization server has the identifier of the issuer, and is not named.
		"VCIValidateAuthorizationServersAreHttps": func(t *testing.T) {
			if s, ok := m["authorization_servers"]; ok {
				t.Error(s)
			}
		},
		"VCIValidateCredentialIssuerUri": func(t *testing.T) {
			if m["credential_issuer"] != o.cfg.PublicURL {
				t.Error(m["credential_issuer"])
			}
		},
		"CheckForUnexpectedParametersInCredentialIssuerMetadata": func(t *testing.T) {
			if u := unknown(m, issuerMembers); u != nil {
				t.Error(u)
			}
			each(t, func(t *testing.T, c object) {
				if u := unknown(c, configurationMembers); u != nil {
					t.Error(u)
				}
				if u := unknown(c["credential_metadata"].(object), "display claims credential_reuse_policy"); u != nil {
					t.Error(u)
				}
			})
		},
		"VCIValidateCredentialSigningAlgValuesSupported": func(t *testing.T) {
			each(t, func(t *testing.T, c object) {
				algs, _ := c["credential_signing_alg_values_supported"].([]any)
				if len(algs) == 0 {
					t.Fatal(c)
				}
				for _, a := range algs {
					if c["format"] == "mso_mdoc" && a != -7.0 && a != -9.0 || c["format"] == "dc+sd-jwt" && a != "ES256" {
						t.Error(a)
					}
				}
			})
		},
		"VCIValidateProofSigningAlgValuesSupported": func(t *testing.T) {
			each(t, func(t *testing.T, c object) {
				types, _ := c["proof_types_supported"].(object)
				for name, p := range types {
					if algs := list(p.(object)["proof_signing_alg_values_supported"]); !slices.Equal(algs, []string{"ES256"}) {
						t.Errorf("%s: %v", name, algs)
					}
				}
				if types["jwt"] == nil {
					t.Error(types)
				}
			})
		},
		"VCIValidateProofTypesCoPresence": func(t *testing.T) {
			each(t, func(t *testing.T, c object) {
				if list(c["cryptographic_binding_methods_supported"]) == nil || c["proof_types_supported"] == nil {
					t.Error(c)
				}
			})
		},
		"VCIValidateDisplayLocales":           func(t *testing.T) { locales(t, m, false) },
		"VCIWarnOnNonCanonicalDisplayLocales": func(t *testing.T) { locales(t, m, true) },
		"VCIValidateCredentialConfigurationScopeSyntax": func(t *testing.T) {
			each(t, func(t *testing.T, c object) {
				if s, _ := c["scope"].(string); !scopeToken.MatchString(s) {
					t.Error(c["scope"])
				}
			})
		},
		"VCICheckCredentialResponseEncryptionSupported": func(t *testing.T) {
			e, _ := m["credential_response_encryption"].(object)
			if _, required := e["encryption_required"].(bool); !required || list(e["alg_values_supported"]) == nil || list(e["enc_values_supported"]) == nil {
				t.Error(e)
			}
		},
		"VCICheckCredentialRequestEncryptionSupported": func(t *testing.T) {
			e, _ := m["credential_request_encryption"].(object)
			keys, _ := e["jwks"].(object)["keys"].([]any)
			if _, required := e["encryption_required"].(bool); !required || list(e["enc_values_supported"]) == nil || len(keys) == 0 {
				t.Fatal(e)
			}
			kids := map[any]bool{}
			for _, k := range keys {
				k := k.(object)
				if k["kid"] == nil || kids[k["kid"]] || k["d"] != nil || k["alg"] != "ECDH-ES" || k["use"] != "enc" {
					t.Error(k)
				}
				kids[k["kid"]] = true
			}
		},
		"VCIValidateEncryptionAlgorithms": func(t *testing.T) {
			e := m["credential_response_encryption"].(object)
			if !slices.Equal(list(e["alg_values_supported"]), []string{"ECDH-ES"}) {
				t.Error(e)
			}
			for _, name := range []string{"credential_response_encryption", "credential_request_encryption"} {
				if encs := list(m[name].(object)["enc_values_supported"]); !slices.Equal(encs, []string{"A128GCM", "A256GCM"}) {
					t.Errorf("%s: %v", name, encs)
				}
			}
		},
		"VCIValidateEncryptionZipValues": func(t *testing.T) {
			for _, name := range []string{"credential_response_encryption", "credential_request_encryption"} {
				if zips := list(m[name].(object)["zip_values_supported"]); !slices.Equal(zips, []string{"DEF"}) {
					t.Errorf("%s: %v", name, zips)
				}
			}
		},
		// Whoever may ask for a secret answer can ask in secret.
		"VCIEnsureCredentialRequestEncryptionWhenResponseEncryption": func(t *testing.T) {
			if m["credential_response_encryption"] != nil && m["credential_request_encryption"] == nil {
				t.Error("requests cannot be encrypted")
			}
		},
		"VCICheckForOldSdJwtFormatInCredentialConfigurations": func(t *testing.T) {
			each(t, func(t *testing.T, c object) {
				if c["format"] != "mso_mdoc" && c["format"] != "dc+sd-jwt" {
					t.Error(c["format"])
				}
			})
		},
		"VCIValidateNonceEndpointInIssuerMetadata": func(t *testing.T) {
			if m["nonce_endpoint"] != o.cfg.PublicURL+"/nonce" {
				t.Error(m["nonce_endpoint"])
			}
		},
		"VCIResolveNotificationEndpointToUse": func(t *testing.T) {
			if m["notification_endpoint"] != o.cfg.PublicURL+"/notification" {
				t.Error(m["notification_endpoint"])
			}
		},
		"VCIResolveDeferredCredentialEndpointToUse": func(t *testing.T) {
			if m["deferred_credential_endpoint"] != o.cfg.PublicURL+"/deferred_credential" {
				t.Error(m["deferred_credential_endpoint"])
			}
		},
		"VCIResolveCredentialEndpointToUse": func(t *testing.T) {
			if m["credential_endpoint"] != o.cfg.PublicURL+"/credential" {
				t.Error(m["credential_endpoint"])
			}
		},
		"VCIValidateBatchCredentialIssuanceMetadata": func(t *testing.T) {
			b, _ := m["batch_credential_issuance"].(object)
			if n, _ := b["batch_size"].(float64); n < 2 || n != float64(int(n)) || len(b) != 1 {
				t.Error(b)
			}
		},
	} {
		t.Run(name, check)
	}
}

// locales looks at every display array below v: well-formed languages, each
// once, and where asked in their canonical form.
func locales(t *testing.T, v any, canonical bool) {
	t.Helper()
	switch v := v.(type) {
	case object:
		for name, below := range v {
			if all, ok := below.([]any); ok && name == "display" {
				seen := map[string]bool{}
				for _, d := range all {
					text, ok := d.(object)["locale"].(string)
					if !ok {
						continue
					}
					tag, err := language.Parse(text)
					if err != nil || seen[tag.String()] || canonical && tag.String() != text {
						t.Errorf("locale %q: %v", text, err)
					}
					seen[tag.String()] = true
				}
			}
			locales(t, below, canonical)
		}
	case []any:
		for _, below := range v {
			locales(t, below, canonical)
		}
	}
}

func TestConformanceServerMetadata(t *testing.T) {
	t.Parallel()
	o := inProduction(t)
	const path = "/.well-known/oauth-authorization-server"
	m := o.document(t, path)
	for name, check := range map[string]func() bool{
		// The document is found at the place that belongs to the identifier it names.
		"CheckOauthDiscEndpointDiscoveryUrl":                     func() bool { return m["issuer"].(string)+path == o.cfg.PublicURL+path },
		"CheckOauthDiscEndpointIssuer":                           func() bool { return m["issuer"] == o.cfg.PublicURL },
		"CheckDiscEndpointIssuerIsValidUrl":                      func() bool { return isHTTPS(m["issuer"]) },
		"CheckForUnexpectedParametersInServerMetadata":           func() bool { return unknown(m, serverMembers) == nil },
		"FAPI2CheckDpopSigningAlgValuesSupported":                func() bool { return slices.Equal(list(m["dpop_signing_alg_values_supported"]), []string{"ES256"}) },
		"CheckDiscEndpointTokenEndpoint":                         func() bool { return isHTTPS(m["token_endpoint"]) },
		"CheckDiscEndpointAuthorizationEndpoint":                 func() bool { return isHTTPS(m["authorization_endpoint"]) },
		"CheckDiscEndpointPARSupported":                          func() bool { return isHTTPS(m["pushed_authorization_request_endpoint"]) },
		"CheckDiscRequirePushedAuthorizationRequestsIsABoolean":  func() bool { return m["require_pushed_authorization_requests"] == true },
		"CheckDiscEndpointResponseTypeCodeSupported":             func() bool { return slices.Equal(list(m["response_types_supported"]), []string{"code"}) },
		"EnsureAuthorizationResponseIssParameterSupportedIsTrue": func() bool { return m["authorization_response_iss_parameter_supported"] == true },
		"EnsureServerConfigurationSupportsCodeChallengeMethodS256": func() bool {
			return slices.Equal(list(m["code_challenge_methods_supported"]), []string{"S256"})
		},
		"CheckDiscEndpointGrantTypesSupportedContainsAuthorizationCode": func() bool {
			return slices.Contains(list(m["grant_types_supported"]), "authorization_code")
		},
		"EnsureServerConfigurationSupportsAttestJwtClientAuth": func() bool {
			return slices.Equal(list(m["token_endpoint_auth_methods_supported"]), []string{"attest_jwt_client_auth"})
		},
		"CheckDiscEndpointClientAttestationSigningAlgValuesSupported": func() bool {
			return slices.Contains(list(m["client_attestation_signing_alg_values_supported"]), "ES256") &&
				slices.Contains(list(m["client_attestation_pop_signing_alg_values_supported"]), "ES256")
		},
		"CheckDiscEndpointScopesSupportedSyntax": func() bool {
			scopes := list(m["scopes_supported"])
			return len(scopes) > 0 && !slices.ContainsFunc(scopes, func(s string) bool { return !scopeToken.MatchString(s) })
		},
		// Each member has the type that RFC 8414 and its extensions give it.
		"ValidateServerMetadataAgainstSchema": func() bool {
			for name, v := range m {
				switch {
				case strings.HasSuffix(name, "_endpoint") || name == "issuer":
					if !isHTTPS(v) {
						return false
					}
				case strings.HasPrefix(name, "require_"), name == "authorization_response_iss_parameter_supported", strings.HasPrefix(name, "pre-authorized"):
					if _, ok := v.(bool); !ok {
						return false
					}
				default:
					if list(v) == nil {
						return false
					}
				}
			}
			return true
		},
		// Without a jwks_uri nobody looks for keys: tokens are opaque, nothing is signed.
		"FetchServerKeys": func() bool { return m["jwks_uri"] == nil && m["jwks"] == nil },
		// What the suite asks a server for that it does not have.
		"NotOffered": func() bool {
			for _, name := range []string{"registration_endpoint", "userinfo_endpoint", "ui_locales_supported", "tls_client_certificate_bound_access_tokens", "request_object_signing_alg_values_supported", "authorization_signing_alg_values_supported", "subject_types_supported", "id_token_signing_alg_values_supported", "mtls_endpoint_aliases"} {
				if m[name] != nil {
					return false
				}
			}
			return !slices.Contains(list(m["scopes_supported"]), "openid") && slices.Equal(list(m["response_modes_supported"]), []string{"query"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			if !check() {
				text, err := json.MarshalIndent(m, "", " ")
				t.Error(string(text), err)
			}
		})
	}
	if _, _, body := o.get(fmt.Sprint("http://", o.app.Addresses().Public, path)); strings.Contains(body, "null") {
		t.Error(body)
	}
}
