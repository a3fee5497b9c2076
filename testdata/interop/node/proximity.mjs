// A holder and a verifier for a session of ISO/IEC 18013-5 between two phones, by three third-party libraries. The session is not theirs: its
// transcript, and what is asked and shown, come from the caller as JSON.
//   node proximity.mjs hold IN OUT     IN: {library, doctype, issuerSigned, request, transcript, deviceKey, mac?, readerKey}   OUT: the DeviceResponse
//   node proximity.mjs verify IN       IN: {library, response, transcript, anchors: [DER], readerKey, now?}
//   node proximity.mjs ask IN OUT      IN: {doctype, namespace, elements, transcript, key, chain: [DER]}    OUT: the DeviceRequest, signed, by @owf/mdoc, which alone can
//   node proximity.mjs asked IN        IN: {request, transcript}: verifies who signed it, by the same
// Byte strings are base64url, keys are JWKs; transcript is SessionTranscript without tag 24; library is owf, animo or auth0.
import fs from 'node:fs'
import { createRequire } from 'node:module'
import nodeCrypto from 'node:crypto'
import { b64u, fromB64u, publicJwk } from './lib/common.mjs'
import { owf, owfContext, animo, animoContext, auth0, wrapIssuerSigned } from './lib/mdoc.mjs'
const require = createRequire(import.meta.url)
const { COSEKeyFromJWK } = require('cose-kit')

const [, , command, inFile, outFile] = process.argv
const q = JSON.parse(fs.readFileSync(inFile, 'utf8'))
const transcript = fromB64u(q.transcript)
const dataItem = (item) => { // 24(<<item>>)
  const n = item.length, head = n < 24 ? [0x40 | n] : n < 256 ? [0x58, n] : [0x59, n >> 8, n & 255]
  return Buffer.concat([Buffer.from([0xd8, 24, ...head]), item])
}
const asDataItem = dataItem(transcript) // which animo and auth0 take
const fields = (request) => request.docRequests.flatMap((r) => [...r.itemsRequest.namespaces].flatMap(([ns, els]) => [...els.keys()].map((name) => [ns, name])))

// @owf/mdoc 0.6.0 hands its MAC callback COSE keys when it makes a MAC, and the bytes of keys when it verifies one; and it leaves the external data
// out of what is authenticated, which nobody else could verify (RFC 9052, 6.3: four members, the third empty).
const raw = (k, part) => (k.length === 32 || k.length === 65 ? k : owf.CoseKey.decode(k)[part])
const owfHolder = { ...owfContext, crypto: { ...owfContext.crypto, calculateEphemeralMacKey: (o) => owfContext.crypto.calculateEphemeralMacKey({ ...o, privateKey: raw(o.privateKey, 'privateKey'), publicKey: raw(o.publicKey, 'publicKey') }) },
  cose: { ...owfContext.cose, mac0: { ...owfContext.cose.mac0, sign: ({ toBeAuthenticated, ...o }) => {
    const parts = owf.cborDecode(toBeAuthenticated)
    if (parts.length === 3) toBeAuthenticated = owf.cborEncode([parts[0], parts[1], new Uint8Array(), parts[2]])
    return owfContext.cose.mac0.sign({ ...o, toBeAuthenticated })
  } } } }

async function hold() {
  // @auth0/mdl 3.0.1 writes `undefined` into the header of its proof, which is no well-formed message of ISO/IEC 18013-5, unless the key has a kid.
  const issuerSigned = fromB64u(q.issuerSigned), request = fromB64u(q.request), device = { ...q.deviceKey, alg: 'ES256', ...(q.library === 'auth0' && { kid: 'device' }) }
  switch (q.library) {
    case 'owf': {
      const how = q.mac ? { mac: { ephemeralKey: owf.CoseKey.fromJwk(publicJwk(q.readerKey)), signingKey: owf.CoseKey.fromJwk({ ...device, alg: 'HS256' }) } } : { signature: { signingKey: owf.CoseKey.fromJwk(device) } }
      const response = await owf.Holder.createDeviceResponseForDeviceRequest({
        deviceRequest: owf.DeviceRequest.decode(request), issuerSigned: [owf.IssuerSigned.decode(issuerSigned)], sessionTranscript: owf.SessionTranscript.decode(transcript), ...how }, owfHolder)
      return response.encode()
    }
    case 'animo': {
      const b = animo.DeviceResponse.from(animo.parseDeviceResponse ? animo.parseDeviceResponse(wrapIssuerSigned(issuerSigned, q.doctype)) : wrapIssuerSigned(issuerSigned, q.doctype))
        .usingDeviceRequest(animo.DeviceRequest.parse(request)).usingSessionTranscriptBytes(new Uint8Array(asDataItem))
      const response = await (q.mac ? b.authenticateWithMAC(device, publicJwk(q.readerKey), 'HS256') : b.authenticateWithSignature(device, 'ES256')).sign(animoContext)
      return response.encode()
    }
    case 'auth0': { // knows requests of presentation exchange alone: the fields are those of the DeviceRequest, read by @owf/mdoc
      const wanted = fields(owf.DeviceRequest.decode(request))
      const pd = { id: 'x', input_descriptors: [{ id: q.doctype, format: { mso_mdoc: { alg: ['ES256'] } }, constraints: { limit_disclosure: 'required', fields: wanted.map(([ns, n]) => ({ path: [`$['${ns}']['${n}']`], intent_to_retain: false })) } }] }
      const b = auth0.DeviceResponse.from(auth0.parse(wrapIssuerSigned(issuerSigned, q.doctype))).usingPresentationDefinition(pd).usingSessionTranscriptBytes(asDataItem)
      const response = await (q.mac ? b.authenticateWithMAC(device, COSEKeyFromJWK(publicJwk(q.readerKey)), 'HS256') : b.authenticateWithSignature(device, 'ES256')).sign()
      return new Uint8Array(response.encode())
    }
  }
  throw new Error('library ' + q.library)
}

async function verify() {
  const response = fromB64u(q.response), anchors = q.anchors.map(fromB64u), now = q.now && new Date(q.now)
  switch (q.library) {
    case 'owf':
      return owf.DeviceResponse.decode(response).verify({ sessionTranscript: owf.SessionTranscript.decode(transcript), trustedCertificates: anchors, now, ephemeralReaderKey: owf.CoseKey.fromJwk(q.readerKey) }, owfContext)
    case 'animo':
      return new animo.Verifier().verifyDeviceResponse({ encodedDeviceResponse: response, encodedSessionTranscript: new Uint8Array(asDataItem), ephemeralReaderKey: q.readerKey, trustedCertificates: anchors, now }, animoContext)
    case 'auth0':
      return new auth0.Verifier(anchors.map((d) => new nodeCrypto.X509Certificate(Buffer.from(d)).toString())).verify(response, { encodedSessionTranscript: asDataItem, ephemeralReaderKey: COSEKeyFromJWK(q.readerKey) })
  }
  throw new Error('library ' + q.library)
}

// The library keeps its ReaderAuthentication to itself.
async function ask() {
  const itemsRequest = owf.ItemsRequest.create({ docType: q.doctype, namespaces: { [q.namespace]: Object.fromEntries(q.elements.map((e) => [e, false])) } })
  const over = dataItem(Buffer.concat([Buffer.from([0x83, 0x74]), Buffer.from('ReaderAuthentication'), transcript, itemsRequest.encode({ asDataItem: true })]))
  const chain = q.chain.map(fromB64u)
  const readerAuth = await owf.ReaderAuth.create({ signingKey: owf.CoseKey.fromJwk({ ...q.key, alg: 'ES256' }), protectedHeaders: new Map([[1, -7]]),
    unprotectedHeaders: new Map([[33, chain.length === 1 ? chain[0] : chain]]), detachedPayload: new Uint8Array(over) }, owfContext)
  return owf.DeviceRequest.create({ docRequests: [owf.DocRequest.create({ itemsRequest, readerAuth })] }).encode()
}

async function asked() {
  for (const r of owf.DeviceRequest.decode(fromB64u(q.request)).docRequests)
    await r.readerAuth.verify({ readerAuthentication: { sessionTranscript: owf.SessionTranscript.decode(transcript), itemsRequest: r.itemsRequest } }, owfContext)
}

try {
  if (command === 'hold') fs.writeFileSync(outFile, b64u(await hold()))
  else if (command === 'verify') await verify()
  else if (command === 'ask') fs.writeFileSync(outFile, b64u(await ask()))
  else if (command === 'asked') await asked()
  else throw new Error('hold, verify, ask or asked')
  console.log('RESULT ok')
} catch (e) { console.log(e.stack ?? e); console.log('RESULT FAIL'); process.exit(1) }
