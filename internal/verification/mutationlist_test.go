package verification

import (
	"os"
	"strings"
	"testing"
)

// listed are the mutations of the worked example that a verifier has to notice,
// each with the cases that make it and name the check that fails: of
// TestMutations and TestAnnexDMutations here, and of proximity for what only a
// session can notice.
var listed = map[string][]string{
	"bit of the protected header": {"mutation_test.go protected header", "vectors_test.go protected header"}, "bit of the MSO": {"mutation_test.go MSO", "vectors_test.go MSO, hidden digest"},
	"bit of the signature": {"mutation_test.go signature", "vectors_test.go signature"}, "bit of the leaf": {"mutation_test.go leaf certificate", "vectors_test.go leaf certificate"},
	"bit of an item's value": {"mutation_test.go item value", "vectors_test.go item value"}, "bit of an item's random": {"mutation_test.go item random", "vectors_test.go item random"},
	"bit of a digestID": {"mutation_test.go digestID", "vectors_test.go digestID"}, "bit of an elementIdentifier": {"mutation_test.go elementIdentifier", "vectors_test.go elementIdentifier"},
	"bit of deviceSigned.nameSpaces": {"mutation_test.go elements of the device changed"}, "bit of the MAC": {"mutation_test.go MAC", "vectors_test.go MAC"},
	"byte of the engagement": {"vectors_test.go DeviceEngagement byte", "annexd_test.go engagement byte"}, "byte of EReaderKey": {"vectors_test.go EReaderKey byte", "annexd_test.go reader key byte"},
	"byte of Hs":                           {"vectors_test.go Handover Select byte", "annexd_test.go handover select byte"},
	"two items change namespaces":          {"mutation_test.go two items change namespaces", "mutation_test.go two items of one digestID change namespaces"},
	"an item twice, with another value":    {"mutation_test.go an item twice, with another value"},
	"docType in the Document alone":        {"mutation_test.go docType of the document alone", "vectors_test.go docType of the document"},
	"own bytes for the null payload":       {"mutation_test.go payload of the device's choice", "mutation_test.go MAC with a payload"},
	"an item encoded again":                {"mutation_test.go an item encoded again, keys in another order"},
	"trailing byte":                        {"mutation_test.go trailing byte"},
	"MSO without tag 24":                   {"mutation_test.go MSO without tag 24"},
	"digest of 16 bytes":                   {"mutation_test.go digest of 16 bytes"},
	"digestAlgorithm":                      {"mutation_test.go digestAlgorithm SHA-1", "mutation_test.go digestAlgorithm sha-256"},
	"alg -7 with a key on P-384":           {"mutation_test.go algorithm ES256, key P-384"},
	"alg unprotected":                      {"mutation_test.go algorithm not protected"},
	"x5chain in both":                      {"mutation_test.go x5chain in both headers"},
	"signature in DER":                     {"mutation_test.go signature in DER"},
	"r = 0":                                {"mutation_test.go signature with r = 0"},
	"MAC under SKDevice":                   {"mutation_test.go MAC with SKDevice as key"},
	"counter 0 and 2 first":                {"annexd_test.go counter 0 first", "annexd_test.go counter 2 first"},
	"roles of the IV swapped":              {"annexd_test.go sender swapped"},
	"salt over the untagged transcript":    {"mutation_test.go MAC key salted with the untagged transcript", "annexd_test.go salt untagged"},
	"validUntil a second ago":              {"mutation_test.go validUntil a second ago, and the skew"},
	"signed before the signer":             {"mutation_test.go signed before the signer's certificate"},
	"device-signed without authorization":  {"mutation_test.go an element of the device, not allowed"},
	"device-signed with authorization":     {"mutation_test.go an element of the device, allowed"},
	"both a signature and a MAC of device": {"mutation_test.go deviceAuth with both"},
}

func TestMutationsAreWhole(t *testing.T) {
	source := map[string]string{}
	for name, path := range map[string]string{"mutation_test.go": "mutation_test.go", "vectors_test.go": "vectors_test.go", "annexd_test.go": "../proximity/annexd_test.go"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		source[name] = string(text)
	}
	for mutation, cases := range listed {
		for _, c := range cases {
			file, name, _ := strings.Cut(c, " ")
			if !strings.Contains(source[file], `"`+name+`":`) {
				t.Errorf("%s: no case %q in %s", mutation, name, file)
			}
		}
	}
}
