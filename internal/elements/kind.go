package elements

import "slices"

// Kind is the type of an element: its encodings and its rules.
type Kind string

// The kinds. The list is only ever appended to: the words are used in
// configuration files.
const (
	KindText        Kind = "text"                // tstr, any Unicode, at most 150 characters, NFC
	KindLatin1      Kind = "latin1"              // tstr, ISO 8859-1 repertoire, at most 150 characters
	KindCountry     Kind = "country"             // tstr, ISO 3166-1 alpha-2
	KindSubdivision Kind = "subdivision"         // tstr, ISO 3166-2
	KindSign        Kind = "distinguishing-sign" // tstr, sign of vehicles in international traffic
	KindURL         Kind = "url"                 // tstr, https or http
	KindEmail       Kind = "email"               // tstr
	KindPhone       Kind = "phone"               // tstr, + and digits
	KindChoice      Kind = "choice"              // tstr, one word of a list
	KindDate        Kind = "full-date"           // tag 1004
	KindDateTime    Kind = "tdate"               // tag 0
	KindDateOrTime  Kind = "date-or-tdate"       // tag 1004 or tag 0
	KindBytes       Kind = "bytes"               // bstr
	KindImage       Kind = "image"               // bstr, JPEG or JPEG 2000
	KindJPEG        Kind = "jpeg"                // bstr, JPEG
	KindBiometric   Kind = "biometric-template"  // bstr that starts with tag 7F61
	KindUint        Kind = "uint"                // uint
	KindBool        Kind = "bool"                // bool
	KindSex         Kind = "sex"                 // uint of ISO/IEC 5218: 0, 1, 2, 9
	KindSexPID      Kind = "sex-pid"             // uint 0 to 6, 9
	KindTexts       Kind = "texts"               // array of tstr
	KindCountries   Kind = "countries"           // array of tstr, ISO 3166-1 alpha-2
	KindPlace       Kind = "place"               // map of country, region, locality
	KindPrivileges  Kind = "driving-privileges"  // ISO/IEC 18013-5, 7.2.4
)

var kinds = []Kind{
	KindText, KindLatin1, KindCountry, KindSubdivision, KindSign, KindURL, KindEmail, KindPhone, KindChoice,
	KindDate, KindDateTime, KindDateOrTime, KindBytes, KindImage, KindJPEG, KindBiometric, KindUint, KindBool,
	KindSex, KindSexPID, KindTexts, KindCountries, KindPlace, KindPrivileges,
}

// Kinds is every kind.
func Kinds() []Kind { return slices.Clone(kinds) }

// Known says whether k is a kind of this package.
func (k Kind) Known() bool { return slices.Contains(kinds, k) }

// List says whether values are lists, whose items are disclosed one by one in
// an SD-JWT.
func (k Kind) List() bool { return k == KindTexts || k == KindCountries }
