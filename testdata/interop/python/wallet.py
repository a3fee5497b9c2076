"""A wallet of libraries from PyPI: messages after openid4vci (a model of
OpenID4VCI 1.0 final), keys and tokens by joserfc, what comes read by pymdoccbor
(the parser of the EU reference verifier) and by the reference implementation of
SD-JWT.

  wallet.py --offer URI --tx-code CODE --ca PEM --trust PEM [--batch N]
"""
import argparse
import base64
import hashlib
import json
import secrets
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone

import cbor2
from cryptography import x509
from joserfc import jwt
from joserfc.jwk import ECKey
from jwcrypto.jwk import JWK
from openid4vci.models.credential import CredentialRequest, CredentialResponse
from openid4vci.models.metadata import AuthorizationServerMetadata, CredentialIssuerMetadata
from openid4vci.models.nonce import NonceResponse
from openid4vci.models.notification import NotificationEvent, NotificationRequest
from openid4vci.models.oauth import TokenRequest, TokenResponse
from openid4vci.models.offer import CredentialOffer
from pymdoccbor.mdoc.verifier import MobileDocument
from sd_jwt.verifier import SDJWTVerifier

options = argparse.ArgumentParser()
for name in ("--offer", "--tx-code", "--ca", "--trust"):
    options.add_argument(name, required=True)
options.add_argument("--batch", type=int, default=1)
args = options.parse_args()

tls = ssl.create_default_context(cafile=args.ca)


def call(url, body=None, kind=None, **headers):
    """One request; gives the body of a success."""
    request = urllib.request.Request(url, data=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    if kind:
        request.add_header("Content-Type", kind)
    try:
        with urllib.request.urlopen(request, context=tls, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as refusal:
        raise SystemExit(f"RESULT FAIL {url}: {refusal.code} {refusal.read().decode()}")


def sign(key, typ, claims):
    return jwt.encode({"alg": "ES256", "typ": typ, "jwk": key.as_dict(private=False)}, {"iat": int(time.time()), **claims}, key)


def well_known(identifier, suffix):
    at = urllib.parse.urlsplit(identifier)
    return urllib.parse.urlunsplit((at.scheme, at.netloc, f"/.well-known/{suffix}{at.path}", "", ""))


def b64u(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


dpop_key = ECKey.generate_key("P-256", private=True)


def dpop(url, token=None):
    claims = {"jti": secrets.token_urlsafe(16), "htm": "POST", "htu": url}
    if token:
        claims["ath"] = b64u(hashlib.sha256(token.encode()).digest())
    return sign(dpop_key, "dpop+jwt", claims)


# Strings, as the model has them for every format: appendix A.2.2 has COSE numbers
# for mdocs, which the model does not know.
def readable(document):
    for configuration in document["credential_configurations_supported"].values():
        values = configuration.get("credential_signing_alg_values_supported")
        if configuration["format"] == "mso_mdoc" and values:
            if not all(isinstance(v, int) for v in values):
                raise SystemExit("RESULT FAIL algorithms of mdocs are COSE numbers")
            configuration["credential_signing_alg_values_supported"] = [str(v) for v in values]
    return document


query = urllib.parse.parse_qs(urllib.parse.urlsplit(args.offer).query)
offer = CredentialOffer.model_validate_json(query["credential_offer"][0])
metadata = CredentialIssuerMetadata.model_validate(readable(json.loads(call(well_known(offer.credential_issuer, "openid-credential-issuer")))))
if metadata.credential_issuer != offer.credential_issuer:
    raise SystemExit("RESULT FAIL metadata of another issuer")
server = (metadata.authorization_servers or [metadata.credential_issuer])[0]
as_metadata = AuthorizationServerMetadata.model_validate_json(call(well_known(server, "oauth-authorization-server")))
extra = as_metadata.model_dump()

grant = offer.grants.pre_authorized_code
wanted = TokenRequest.model_validate({
    "grant_type": "urn:ietf:params:oauth:grant-type:pre-authorized_code",
    "pre-authorized_code": grant.pre_authorized_code, "tx_code": args.tx_code,
})
endpoint = extra["token_endpoint"]
token = TokenResponse.model_validate_json(call(
    endpoint, urllib.parse.urlencode(wanted.to_dict()).encode(), "application/x-www-form-urlencoded", DPoP=dpop(endpoint)))
if token.token_type.lower() != "dpop":
    raise SystemExit("RESULT FAIL a bearer token")

root = x509.load_pem_x509_certificate(open(args.trust, "rb").read())


def leads_to_root(certificate):
    certificate.verify_directly_issued_by(root)
    now = datetime.now(timezone.utc)
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise SystemExit("RESULT FAIL a signer out of its time")


def mdoc(text, configuration, keys):
    signed = cbor2.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    document = MobileDocument(configuration.doctype, signed)
    if not document.verify():
        raise SystemExit(f"RESULT FAIL mdoc: {document.hash_verification}")
    auth = document.issuersigned.issuer_auth
    leads_to_root(auth.x509_certificates[0])
    mso = auth.payload_as_dict
    key = mso["deviceKeyInfo"]["deviceKey"]
    if mso["docType"] != configuration.doctype or (b64u(key[-2]), b64u(key[-3])) not in keys:
        raise SystemExit("RESULT FAIL mdoc: another type, or bound to another key")
    # The same with one value changed must not pass.
    namespace = next(iter(signed["nameSpaces"]))
    items = list(signed["nameSpaces"][namespace])
    item = cbor2.loads(items[0].value)
    item["elementValue"] = "forged"
    items[0] = cbor2.CBORTag(24, cbor2.dumps(item))
    if MobileDocument(configuration.doctype, {**signed, "nameSpaces": {**signed["nameSpaces"], namespace: items}}).verify():
        raise SystemExit("RESULT FAIL a forged mdoc passes")
    return f"{document.hash_verification['verified']} elements"


def sd_jwt(text, configuration, keys):
    def issuer_key(_, header):
        certificate = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
        leads_to_root(certificate)
        return JWK.from_pyca(certificate.public_key())

    claims = SDJWTVerifier(text, issuer_key).get_verified_payload()
    bound = claims["cnf"]["jwk"]
    if claims["vct"] != configuration.vct or (bound["x"], bound["y"]) not in keys:
        raise SystemExit("RESULT FAIL SD-JWT: another type, or bound to another key")
    # The same with one disclosure changed must not pass.
    parts = text.split("~")
    parts[1] = b64u(json.dumps([secrets.token_urlsafe(16), "family_name", "Forged"]).encode())
    try:
        forged = SDJWTVerifier("~".join(parts), issuer_key).get_verified_payload()
        if forged.get("family_name") == "Forged":
            raise SystemExit("RESULT FAIL a forged SD-JWT passes")
    except ValueError:
        pass
    return f"{len(claims)} claims"


for configuration_id in offer.credential_configuration_ids:
    configuration = metadata.credential_configurations_supported[configuration_id]
    nonce = NonceResponse.model_validate_json(call(str(metadata.nonce_endpoint), b"")).c_nonce
    holder = [ECKey.generate_key("P-256", private=True) for _ in range(args.batch)]
    request = CredentialRequest(
        credential_configuration_id=configuration_id,
        proofs={"jwt": [sign(k, "openid4vci-proof+jwt", {"aud": metadata.credential_issuer, "nonce": nonce}) for k in holder]},
    )

    def post(url, message):
        url = str(url)
        return call(url, json.dumps(message.to_dict()).encode(), "application/json",
                    Authorization="DPoP " + token.access_token, DPoP=dpop(url, token.access_token))

    response = CredentialResponse.model_validate_json(post(metadata.credential_endpoint, request))
    keys = {(k.as_dict()["x"], k.as_dict()["y"]) for k in holder}
    if len(response.credentials) != args.batch:
        raise SystemExit(f"RESULT FAIL {len(response.credentials)} copies, want {args.batch}")
    for credential in response.credentials:
        read = mdoc if configuration.format == "mso_mdoc" else sd_jwt
        print("credential", configuration_id, read(credential.credential, configuration, keys))
    post(metadata.notification_endpoint, NotificationRequest(
        notification_id=response.notification_id, event=NotificationEvent("credential_accepted")))
print("RESULT ok")
