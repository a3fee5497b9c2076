//! Reads and verifies mdocs with isomdl, the library of Rust wallets and readers:
//! the signature, the chain by the rules of ISO/IEC 18013-5 and every digest; then
//! sees that the same with one value changed does not pass.
//!
//!   rust-peer IACA.pem DOCTYPE FILE...    FILE: base64url of IssuerSigned
use base64::{engine::general_purpose::URL_SAFE_NO_PAD, Engine};
use coset::Label;
use isomdl::cbor;
use isomdl::definitions::helpers::Tag24;
use isomdl::definitions::issuer_signed::IssuerSignedItem;
use isomdl::definitions::x509::trust_anchor::{PemTrustAnchor, TrustAnchorRegistry, TrustPurpose};
use isomdl::definitions::x509::validation::ValidationRuleset;
use isomdl::definitions::x509::{x5chain::X5CHAIN_COSE_HEADER_LABEL, X5Chain};
use isomdl::definitions::{IssuerSigned, Mso};
use isomdl::presentation::authentication::mdoc::issuer_authentication;
use sha2::{Digest, Sha256};

fn digests(signed: &IssuerSigned, mso: &Mso) -> Result<usize, String> {
    let mut seen = 0;
    for (namespace, items) in signed.namespaces.as_ref().ok_or("no elements")?.iter() {
        let known = mso.value_digests.get(namespace).ok_or(format!("no digests of {namespace}"))?;
        for item in items.iter() {
            let element: IssuerSignedItem = item.clone().into_inner();
            let want = known.get(&element.digest_id).ok_or(format!("no digest of {}", element.element_identifier))?;
            let bytes = cbor::to_vec(item).map_err(|e| format!("{e:?}"))?;
            if Sha256::digest(bytes).as_slice() != want.as_ref() {
                return Err(format!("another digest of {}", element.element_identifier));
            }
            seen += 1;
        }
    }
    Ok(seen)
}

fn verify(anchors: &TrustAnchorRegistry, doc_type: &str, data: &[u8]) -> Result<usize, String> {
    let signed: IssuerSigned = cbor::from_slice(data).map_err(|e| format!("{e:?}"))?;
    let (_, value) = signed.issuer_auth.unprotected.rest.iter().find(|(l, _)| l == &Label::Int(X5CHAIN_COSE_HEADER_LABEL)).ok_or("no x5chain")?;
    let chain = X5Chain::from_cbor(value.clone()).map_err(|e| e.to_string())?;
    let outcome = ValidationRuleset::Mdl.validate(&chain, anchors);
    // The rules are those of an mDL; a PID's signer has other usages.
    if doc_type == "org.iso.18013.5.1.mDL" && !outcome.errors.is_empty() {
        return Err(format!("chain: {:?}", outcome.errors));
    }
    issuer_authentication(chain, &signed).map_err(|e| e.to_string())?;
    let payload = signed.issuer_auth.payload.as_ref().ok_or("no payload")?;
    let mso: Tag24<Mso> = cbor::from_slice(payload).map_err(|e| format!("{e:?}"))?;
    let mso = mso.into_inner();
    if mso.doc_type != doc_type {
        return Err(format!("it is of type {}", mso.doc_type));
    }
    digests(&signed, &mso)
}

/// Changes a letter of an element's value, found by its name.
fn forged(data: &[u8]) -> Vec<u8> {
    let mut copy = data.to_vec();
    let name = b"family_name";
    let at = copy.windows(name.len()).position(|w| w == name).expect("no family_name");
    // elementIdentifier comes after or before the value: "elementValue" is the next key.
    let key = b"elementValue";
    let value = at + copy[at..].windows(key.len()).position(|w| w == key).expect("no value") + key.len();
    copy[value + 2] ^= 1;
    copy
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let pem = std::fs::read_to_string(&args[1]).expect("reading the root");
    let anchors = TrustAnchorRegistry::from_pem_certificates(vec![PemTrustAnchor { certificate_pem: pem, purpose: TrustPurpose::Iaca }]).expect("the root");
    for file in &args[3..] {
        let text = std::fs::read_to_string(file).expect("reading an mdoc");
        let data = URL_SAFE_NO_PAD.decode(text.trim()).expect("base64url");
        match verify(&anchors, &args[2], &data) {
            Ok(n) => println!("mdoc {} {n} elements", args[2]),
            Err(why) => {
                println!("RESULT FAIL {file}: {why}");
                std::process::exit(1)
            }
        }
        if let Ok(n) = verify(&anchors, &args[2], &forged(&data)) {
            println!("RESULT FAIL a forged mdoc passes: {n} elements");
            std::process::exit(1)
        }
    }
    println!("RESULT ok");
}
