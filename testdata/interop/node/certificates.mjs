// Holds certificates, revocation lists and lists of issuers made elsewhere against third-party libraries only.
//   node certificates.mjs chain --root PEM --leaf PEM [--link PEM] --crl DER [--revoked]     @peculiar/x509 and node:crypto
//   node certificates.mjs vical --file F --root PEM                                        cbor-x and node:crypto
//   node certificates.mjs entities --file F --root PEM                                     jose and node:crypto
import 'reflect-metadata'
import fs from 'node:fs'
import nodeCrypto from 'node:crypto'
import * as x509 from '@peculiar/x509'
import * as jose from 'jose'
import { Decoder, Encoder } from 'cbor-x'
import { parseArgs, loadTrust, certJwk, rawVerify } from './lib/common.mjs'
const mode = process.argv[2]; const a = parseArgs()
const problems = []; const want = (ok, what) => { if (!ok) problems.push(what) }
const [root] = loadTrust(a.root); const rootX = new x509.X509Certificate(root); const rootN = new nodeCrypto.X509Certificate(Buffer.from(root))
const under = async (der, what) => {
  const c = new x509.X509Certificate(der); const n = new nodeCrypto.X509Certificate(Buffer.from(der))
  want(await c.verify({ publicKey: rootX.publicKey, date: new Date() }), `${what}: @peculiar/x509 does not verify it`)
  want(n.checkIssued(rootN) && n.verify(rootN.publicKey), `${what}: node:crypto does not verify it`)
  want(Buffer.compare(Buffer.from(c.issuerName.toArrayBuffer()), Buffer.from(rootX.subjectName.toArrayBuffer())) === 0, `${what}: another issuer`)
  return c
}
if (mode === 'chain') {
  const [leafDer] = loadTrust(a.leaf); const leaf = await under(leafDer, 'leaf')
  const chain = await new x509.X509ChainBuilder({ certificates: [rootX] }).build(leaf)
  want(chain.length === 2 && chain[1].equal(rootX), `a chain of ${chain.length}`)
  if (a.link) { const [l] = loadTrust(a.link); const link = await under(l, 'link'); want(link.getExtension(x509.BasicConstraintsExtension)?.ca, 'the link is no CA') }
  const crl = new x509.X509Crl(fs.readFileSync(a.crl))
  want(await crl.verify({ publicKey: rootX.publicKey }), 'the revocation list does not verify')
  want(crl.issuer === rootX.subject && crl.nextUpdate > new Date(), 'the revocation list is of another or has ended')
  const found = crl.findRevoked(leaf.serialNumber)
  want(!!found === !!a.revoked, `revoked: ${!!found}`)
  console.log(leaf.subject, leaf.extensions.map((e) => (e.critical ? '!' : '') + e.type).join(' '))
} else if (mode === 'vical') {
  const decoder = new Decoder({ mapsAsObjects: false, tagUint8Array: false }); const plain = (m) => Object.fromEntries(m)
  const [prot, unprot, payload, sig] = decoder.decode(fs.readFileSync(a.file))
  const alg = { '-7': 'ES256', '-35': 'ES384', '-36': 'ES512' }[decoder.decode(prot).get(1)]
  const chain = [unprot.get(33)].flat().map((c) => new Uint8Array(c)); const signer = await under(chain[0], 'signer')
  want(signer.getExtension(x509.ExtendedKeyUsageExtension)?.usages.includes('1.0.18013.5.1.8'), 'the signer may sign no VICAL')
  want(signer.getExtension(x509.KeyUsagesExtension)?.usages === x509.KeyUsageFlags.nonRepudiation, 'the key usage of the signer is not nonRepudiation alone')
  const toSign = new Encoder({ useRecords: false, tagUint8Array: false }).encode(['Signature1', Buffer.from(prot), Buffer.alloc(0), Buffer.from(payload)])
  want(rawVerify(certJwk(chain[0]), toSign, sig, alg), 'the signature does not verify')
  const list = plain(decoder.decode(payload))
  want(list.version === '1.0' && list.vicalIssueID > 0, 'version or number'); want(new Date(list.nextUpdate) > new Date(list.date), 'dates')
  for (const m of list.certificateInfos) {
    const e = plain(m); const c = new nodeCrypto.X509Certificate(Buffer.from(e.certificate)); const p = new x509.X509Certificate(e.certificate)
    want(BigInt('0x' + c.serialNumber) === BigInt(e.serialNumber), 'serial number')
    want(Buffer.from(p.getExtension(x509.SubjectKeyIdentifierExtension).keyId, 'hex').equals(Buffer.from(e.ski)), 'ski')
    want(Buffer.from(p.subjectName.toArrayBuffer()).equals(Buffer.from(e.subject)) && Buffer.from(p.issuerName.toArrayBuffer()).equals(Buffer.from(e.issuer)), 'names')
    want(c.ca && new Date(e.notAfter).getTime() === p.notAfter.getTime() && new Date(e.notBefore).getTime() === p.notBefore.getTime(), 'validity')
    want(e.docType.length > 0 && e.certificateProfile.length > 0 && e.issuingCountry === 'UT', 'doctypes, profile, country')
    console.log('entry', p.subject, e.docType.join(','), e.certificateProfile.join(','))
  }
} else if (mode === 'entities') {
  const token = fs.readFileSync(a.file, 'utf8').trim(); const header = jose.decodeProtectedHeader(token)
  const der = new Uint8Array(Buffer.from(header.x5c[0], 'base64')); await under(der, 'signer')
  want(header['x5t#S256'] === nodeCrypto.createHash('sha256').update(der).digest('base64url'), 'x5t#S256')
  const { payload } = await jose.compactVerify(token, new nodeCrypto.X509Certificate(Buffer.from(der)).publicKey)
  const list = JSON.parse(Buffer.from(payload)).LoTE; const info = list.ListAndSchemeInformation
  want(info.LoTEVersionIdentifier === 1 && info.LoTESequenceNumber > 0 && new Date(info.NextUpdate) > new Date(), 'number or dates')
  for (const e of list.TrustedEntitiesList) for (const s of e.TrustedEntityServices) {
    const i = s.ServiceInformation; for (const { val } of i.ServiceDigitalIdentity.X509Certificates) { const c = new x509.X509Certificate(val); want(c.getExtension(x509.BasicConstraintsExtension)?.ca, 'no authority'); console.log('entity', e.TrustedEntityInformation.TEName[0].value, i.ServiceTypeIdentifier, c.subject) }
  }
} else { console.error(fs.readFileSync(process.argv[1], 'utf8').split('\n').filter((l) => l.startsWith('//')).join('\n')); process.exit(2) }
for (const p of problems) console.log('PROBLEM', p)
console.log(problems.length ? 'RESULT FAIL' : 'RESULT ok'); process.exit(problems.length ? 1 : 0)
