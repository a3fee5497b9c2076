"""Holds certificates made elsewhere against the path validation of pyca/cryptography.

   certificates.py --root PEM --leaf PEM --crl DER [--revoked]
"""
import argparse
import datetime
import sys

from cryptography import x509
from cryptography.x509 import verification as v

a = argparse.ArgumentParser()
a.add_argument("--root", required=True)
a.add_argument("--leaf", required=True)
a.add_argument("--crl", required=True)
a.add_argument("--revoked", action="store_true")
a = a.parse_args()


def read(path):
    with open(path, "rb") as f:
        return f.read()


root = x509.load_pem_x509_certificate(read(a.root))
leaf = x509.load_pem_x509_certificate(read(a.leaf))
crl = x509.load_der_x509_crl(read(a.crl))
problems = []
try:
    # The profiles are not those of the web: what their extensions say is judged by others.
    verifier = (
        v.PolicyBuilder()
        .store(v.Store([root]))
        .time(datetime.datetime.now(datetime.timezone.utc))
        .extension_policies(
            ca_policy=v.ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, v.Criticality.CRITICAL, None),
            ee_policy=v.ExtensionPolicy.permit_all(),
        )
        .build_client_verifier()
    )
    chain = verifier.verify(leaf, []).chain
    if len(chain) != 2 or chain[1] != root:
        problems.append(f"a chain of {len(chain)}")
except v.VerificationError as e:
    problems.append(f"path: {e}")
try:
    leaf.verify_directly_issued_by(root)
except Exception as e:
    problems.append(f"signature: {e!r}")
now = datetime.datetime.now(datetime.timezone.utc)
if not crl.is_signature_valid(root.public_key()) or crl.issuer != root.subject:
    problems.append("the revocation list is not the root's")
if not crl.last_update_utc <= now < crl.next_update_utc:
    problems.append("the revocation list is not of now")
if crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number < 1:
    problems.append("number of the revocation list")
entry = crl.get_revoked_certificate_by_serial_number(leaf.serial_number)
if (entry is not None) != a.revoked:
    problems.append(f"revoked: {entry is not None}")
if entry is not None and len(entry.extensions) > 0:
    problems.append("the entry has extensions")
for p in problems:
    print("PROBLEM", p)
print("RESULT FAIL" if problems else "RESULT ok")
sys.exit(1 if problems else 0)
