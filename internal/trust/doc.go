// Package trust says whose signature counts for what: the anchors of a reader,
// each with its purposes and the doctypes and vcts that it may sign, and where
// that knowledge comes from and how old it is.
//
// Start with LoadDir for a folder of certificates, ParseVICAL for a signed list
// of issuing authorities (ISO/IEC 18013-5 Annex C), and Store.Anchors, whose
// answer goes into pki.Validate; with ParseEntityList for a signed list of
// trusted entities, such as wallet providers (ETSI TS 119 602), ParseTrustedList
// for one in XML (ETSI TS 119 612) whose bytes somebody vouches for. BuildVICAL and
// BuildEntityList write the lists of an office; Store.Follow trusts a new root by a
// link from an old one.
//
// Refused:
//   - an anchor without a purpose, and an issuer's anchor without a doctype or
//     vct: nobody is trusted for everything (an IACA of driving licences signs
//     no identities);
//   - a leaf, or a CA that may not sign certificates, as an anchor: it is named
//     with its file and the reason, and the whole folder is refused;
//   - a VICAL without a path to a root of ours, with a bad signature, or past its
//     notAfter; an entry of it whose certificate is not the one it describes;
//   - a list of trusted entities likewise, and one past its next update; a
//     service of it that was withdrawn, or with a critical extension.
//
// A VICAL past its nextUpdate is read and says so (StaleSince): whether an old
// list still serves is policy. The package holds no clock and no network.
package trust
