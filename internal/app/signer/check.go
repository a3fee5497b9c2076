package signer

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"vidimus/internal/keys"
	"vidimus/internal/pki"
	"vidimus/internal/signer"
)

// maxKeys bounds the keys of one signer: an office has some ten, and of each the one
// before and the one after.
const maxKeys = 1000

// Check says what is wrong with a configuration, all at once. It looks at no file.
func (c *Config) Check() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for _, p := range []struct{ name, value string }{
		{"state_dir", c.StateDir}, {"socket", c.Socket}, {"audit", c.Audit}, {"mark", c.Mark}, {"lists", c.Lists},
	} {
		if p.value == "" {
			add("%s: a path is wanted", p.name)
		}
	}
	if len(c.Path(c.Socket)) > maxSocketPath {
		add("socket: the path of a socket has at most %d bytes on Linux: name a shorter one", maxSocketPath)
	}
	if _, _, err := c.peers(); err != nil {
		errs = append(errs, err)
	}
	if _, err := c.socketGroup(); err != nil {
		errs = append(errs, err)
	}
	if c.PublicURL != "" {
		if u, err := url.Parse(c.PublicURL); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(c.PublicURL, "/") {
			add("public_url %q: https://host[:port][/path] without a slash at its end is wanted, as the issuer has it", c.PublicURL)
		}
	}
	if p := c.StatusPrefix; p != "" && !strings.HasPrefix(p, "https://") && !strings.HasPrefix(p, "http://") {
		add("status_prefix %q: the beginning of an address is wanted", p)
	} else if p != "" && !strings.HasSuffix(p, "/") {
		add("status_prefix %q: end it in a slash, or addresses of others begin so too", p)
	}
	if a := c.AuthorizationServer; a != "" && !strings.HasPrefix(a, "https://") && !strings.HasPrefix(a, "http://") {
		add("authorization_server %q: the address is wanted that the issuer has as authorization_server.issuer, or nothing where it is its own", a)
	}
	if _, err := ParseLevel(c.LogLevel); err != nil {
		errs = append(errs, err)
	}
	if len(c.Keys) == 0 || len(c.Keys) > maxKeys {
		add("keys: 1 to %d keys are wanted; see signer check-config --defaults", maxKeys)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Keys)) {
		if err := c.checkKey(name); err != nil {
			add("keys.%s: %w", name, err)
		}
	}
	return errors.Join(errs...)
}

// maxSocketPath is that of sockaddr_un, but for its last zero.
const maxSocketPath = 107

func (c *Config) checkKey(name string) error {
	k := c.Keys[name]
	if _, err := signer.KeyName(signer.URI(name)); err != nil {
		return errors.New("a name is 1 to 64 of a to z, 0 to 9, . _ and -")
	}
	u, err := keys.ParseURI(k.Key)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if u.Scheme != keys.SchemeSoft && u.Scheme != keys.SchemePKCS11 {
		return fmt.Errorf("key: a key of the scheme %s is not served: %s and %s are", u.Scheme, keys.SchemeSoft, keys.SchemePKCS11)
	}
	if k.Chain == "" {
		return errors.New("chain: the file of its certificate is wanted")
	}
	_, err = c.policy(name)
	return err
}

// profiles are those of the names that the issuer uses.
var profiles = map[string]pki.Profile{
	"mdl": pki.ProfileDocumentSignerMDL, "pid": pki.ProfileDocumentSignerPID, "status": pki.ProfileStatusSigner, "receipt": pki.ProfileReceiptSigner,
	"checkpoint": pki.ProfileCheckpointSigner, "console": pki.ProfileRegistrySource, "access": pki.ProfileAccess, "bundle": pki.ProfileBundleSigner, "vical": pki.ProfileVICALSigner,
	"iaca": pki.ProfileIACA, "reader-ca": pki.ProfileReaderCA,
}

// policy is what a key may sign.
func (c *Config) policy(name string) (signer.Policy, error) {
	k := c.Keys[name]
	profile := cmp.Or(pki.Profile(k.Profile), profiles[name])
	if profile == "" {
		return signer.Policy{}, errors.New("profile: that of its certificate is wanted, such as document-signer-mdl")
	}
	if !slices.Contains(pki.Profiles(), profile) {
		return signer.Policy{}, fmt.Errorf("profile: %q is none", k.Profile)
	}
	documents := profile == pki.ProfileDocumentSignerMDL || profile == pki.ProfileDocumentSignerPID
	if !documents && (len(k.DocTypes)+len(k.VCTs)+len(k.Claims) > 0 || k.MaxValidity != 0 || k.WithoutStatus) {
		return signer.Policy{}, fmt.Errorf("doctypes, vcts, claims, max_validity and without_status are for document signers, not for %s", profile)
	}
	p, err := signer.PolicyFor(profile, signer.Office{
		Issuer: c.PublicURL, AuthorizationServer: c.AuthorizationServer, DocTypes: k.DocTypes, VCTs: k.VCTs, Claims: k.Claims, StatusPrefix: c.StatusPrefix, WithoutStatus: k.WithoutStatus, MaxValidity: k.MaxValidity,
	})
	if err != nil {
		return signer.Policy{}, err
	}
	r := c.Rate
	if k.Rate != nil {
		r = *k.Rate
	}
	if r.PerSecond <= 0 || r.Burst < signer.MaxMessages {
		return signer.Policy{}, fmt.Errorf("rate: per_second above 0 and a burst of at least %d, the largest request, are wanted", signer.MaxMessages)
	}
	p.Rate = signer.Rate{PerSecond: r.PerSecond, Burst: r.Burst}
	return p, nil
}

// peers gives the numbers of those who may ask; our own user is one of them.
func (c *Config) peers() (users, groups []uint32, err error) {
	var errs []error
	for _, name := range c.Peers.Users {
		id, err := number(name, func() (string, error) {
			u, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return u.Uid, nil
		})
		if err != nil {
			errs = append(errs, fmt.Errorf("peers.users: %w", err))
			continue
		}
		users = append(users, id)
	}
	for _, name := range c.Peers.Groups {
		id, err := groupNumber(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("peers.groups: %w", err))
			continue
		}
		groups = append(groups, id)
	}
	if own := uint32(os.Geteuid()); !slices.Contains(users, own) {
		users = append(users, own)
	}
	return users, groups, errors.Join(errs...)
}

func groupNumber(name string) (uint32, error) {
	return number(name, func() (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
}

// socketGroup is the group of the socket, -1 for that of the process.
func (c *Config) socketGroup() (int, error) {
	if c.Group == "" {
		return -1, nil
	}
	id, err := groupNumber(c.Group)
	if err != nil {
		return -1, fmt.Errorf("group: %w", err)
	}
	return int(id), nil
}

// number reads a number, or looks up a name.
func number(name string, look func() (string, error)) (uint32, error) {
	if name == "" {
		return 0, errors.New("a name or a number is wanted")
	}
	text := name
	if strings.Trim(name, "0123456789") != "" {
		var err error
		if text, err = look(); err != nil {
			return 0, fmt.Errorf("%w: make it, or write its number", err)
		}
	}
	id, err := strconv.ParseUint(text, 10, 32)
	if err != nil || id == 1<<32-1 { // which is nobody, to the kernel
		return 0, fmt.Errorf("%q is no number of a user or group", name)
	}
	return uint32(id), nil
}

// ParseLevel reads log_level.
func ParseLevel(s string) (slog.Level, error) {
	switch s {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("log_level %q: debug, info, warn or error is wanted", s)
}
