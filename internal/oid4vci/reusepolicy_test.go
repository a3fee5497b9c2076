package oid4vci

import (
	"encoding/json"
	"testing"
)

func TestReusePolicy(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		fine bool
	}{
		"once":                 {`{"id":"arf_annex_ii","options":[{"details":["once_only"],"batch_size":20,"reissue_trigger_unused":5}]}`, true},
		"limited":              {`{"id":"arf_annex_ii","options":[{"details":["limited_time"],"reissue_trigger_lifetime_left":3600}]}`, true},
		"rotating":             {`{"id":"arf_annex_ii","options":[{"details":["limited_time","rotating-batch"],"batch_size":5}]}`, true},
		"somebody else's":      {`{"id":"x","options":[{"details":["y"]}]}`, true},
		"no options":           {`{"id":"arf_annex_ii","options":[]}`, false},
		"no id":                {`{"options":[{"details":["once_only"],"batch_size":2}]}`, false},
		"both methods":         {`{"id":"arf_annex_ii","options":[{"details":["once_only","limited_time"],"batch_size":2}]}`, false},
		"no method":            {`{"id":"arf_annex_ii","options":[{"details":["rotating-batch"],"batch_size":2}]}`, false},
		"a word":               {`{"id":"arf_annex_ii","options":[{"details":["once_only","often"],"batch_size":2}]}`, false},
		"a word twice":         {`{"id":"arf_annex_ii","options":[{"details":["once_only","once_only"],"batch_size":2}]}`, false},
		"no batch":             {`{"id":"arf_annex_ii","options":[{"details":["once_only"]}]}`, false},
		"trigger above":        {`{"id":"arf_annex_ii","options":[{"details":["once_only"],"batch_size":2,"reissue_trigger_unused":2}]}`, false},
		"trigger out of place": {`{"id":"arf_annex_ii","options":[{"details":["limited_time"],"batch_size":5,"reissue_trigger_unused":2}]}`, false},
		"negative":             {`{"id":"arf_annex_ii","options":[{"details":["limited_time"],"reissue_trigger_lifetime_left":-1}]}`, false},
	} {
		var p ReusePolicy
		if err := json.Unmarshal([]byte(c.text), &p); err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); (err == nil) != c.fine {
			t.Errorf("%s: %v", name, err)
		}
		m := &IssuerMetadata{CredentialIssuer: issuer, CredentialEndpoint: issuer + "/c", Configurations: map[string]Configuration{
			"a": {Format: FormatSDJWT, VCT: "v", Metadata: &CredentialMetadata{ReusePolicy: &p}},
		}}
		if err := m.Check(); (err == nil) != c.fine {
			t.Errorf("%s, in a document: %v", name, err)
		}
	}
}

func TestIssuerInfo(t *testing.T) {
	m := &IssuerMetadata{CredentialIssuer: issuer, CredentialEndpoint: issuer + "/c", Configurations: map[string]Configuration{},
		IssuerInfo: []IssuerInfo{{Format: FormatRegistrationCertificate, Data: "eyJ.x.y"}}, PreferredClientStatusPeriod: 86400}
	if err := m.Check(); err != nil {
		t.Error(err)
	}
	m.IssuerInfo[0].Data = ""
	if err := m.Check(); err == nil {
		t.Error("a statement of nothing")
	}
	m.IssuerInfo, m.PreferredClientStatusPeriod = nil, -1
	if err := m.Check(); err == nil {
		t.Error("a negative period")
	}
}
