// Node OpenID4VCI 1.0 issuer made of third-party libraries: @openid4vc/openid4vci + @openid4vc/oauth2 (protocol), express (HTTP), @owf/mdoc, @sd-jwt/* (formats).
//   node issuer.mjs [--port 4001] [--quiet]
// Admin: POST /admin/offer {"configs":["mdl","pid"],"grant":"pre"|"code","tx_code":true} -> {uri, tx_code}
import express from 'express'
import fs from 'node:fs'
import { randomBytes, randomUUID } from 'node:crypto'
import * as vci from '@openid4vc/openid4vci'
import * as oauth from '@openid4vc/oauth2'
import { loadKey, loadCertPem, pemToDer, newKey, publicJwk, ROOT, PKI_DIR, oid4vcCallbacks, parseArgs, b64u, fromB64u } from './lib/common.mjs'
import { owfIssue, owfElements } from './lib/mdoc.mjs'
import { sdjwtIssue, StatusList, createHeaderAndPayload, signerFor } from './lib/sdjwt.mjs'

const a = parseArgs(); const PORT = Number(a.port ?? 4001); const BASE = a.tls ? `https://localhost:${PORT}` : `http://127.0.0.1:${PORT}` // --tls: https with tls.pem of the PKI folder (wallets: NODE_EXTRA_CA_CERTS=tlsca.pem)
vci.setGlobalConfig({ allowInsecureUrls: true }); oauth.setGlobalConfig?.({ allowInsecureUrls: true })
const log = a.quiet ? () => {} : (...x) => console.log(new Date().toISOString(), ...x)
const mdlW = JSON.parse(fs.readFileSync(ROOT + '/../workload/mdl30.json')), pidW = JSON.parse(fs.readFileSync(ROOT + '/../workload/pid20.json'))
const ds = loadKey('ds'), dsDer = pemToDer(loadCertPem('ds')), sd = loadKey('sdjwt'), sdX5c = [Buffer.from(pemToDer(loadCertPem('sdjwt'))).toString('base64')]
const asKey = newKey(), encKey = { ...newKey(), alg: 'ECDH-ES', use: 'enc', kid: 'req-enc-1' }
const cb = oid4vcCallbacks({ privateKeys: [asKey, sd], decryptionKeys: [encKey], trusted: [pemToDer(loadCertPem('walletca'))], clientAuthentication: oauth.clientAuthenticationAnonymous() })
// access tokens are verified with the library; avoid an HTTP call to ourselves for the JWKS
cb.fetch = async (u, o) => (String(u) === BASE + '/jwks' ? new Response(JSON.stringify({ keys: [{ ...publicJwk(asKey), kid: 'as-1', use: 'sig' }] }), { headers: { 'content-type': 'application/jwk-set+json' } }) : fetch(u, o))
const issuer = new vci.Openid4vciIssuer({ callbacks: cb }), as = new oauth.Oauth2AuthorizationServer({ callbacks: cb }), rs = new oauth.Oauth2ResourceServer({ callbacks: cb })

const proof = { jwt: { proof_signing_alg_values_supported: ['ES256'] }, attestation: { proof_signing_alg_values_supported: ['ES256'] } }
const kaProof = { jwt: { proof_signing_alg_values_supported: ['ES256'], key_attestations_required: { key_storage: ['iso_18045_high'], user_authentication: ['iso_18045_high'] } }, attestation: { proof_signing_alg_values_supported: ['ES256'], key_attestations_required: {} } }
const mdl = { format: 'mso_mdoc', doctype: mdlW.docType, scope: 'mdl', cryptographic_binding_methods_supported: ['cose_key'], credential_signing_alg_values_supported: [-7], proof_types_supported: proof, credential_metadata: { display: [{ name: 'mDL', locale: 'en' }], claims: [{ path: [mdlW.namespace, 'family_name'], display: [{ name: 'Family name', locale: 'en' }] }] } }
const pid = { format: 'dc+sd-jwt', vct: pidW.vct, scope: 'pid', cryptographic_binding_methods_supported: ['jwk'], credential_signing_alg_values_supported: ['ES256'], proof_types_supported: proof, credential_metadata: { display: [{ name: 'PID', locale: 'en' }], claims: [{ path: ['family_name'] }] } }
const configs = { mdl, pid, 'mdl-deferred': { ...mdl, scope: 'mdl_deferred' }, 'pid-ka': { ...pid, scope: 'pid_ka', proof_types_supported: kaProof } }
const asMeta = as.createAuthorizationServerMetadata({
  issuer: BASE, token_endpoint: BASE + '/token', authorization_endpoint: BASE + '/authorize', jwks_uri: BASE + '/jwks', pushed_authorization_request_endpoint: BASE + '/par', require_pushed_authorization_requests: true,
  dpop_signing_alg_values_supported: ['ES256'], code_challenge_methods_supported: ['S256'], response_types_supported: ['code'], token_endpoint_auth_methods_supported: ['attest_jwt_client_auth', 'none'], client_attestation_signing_alg_values_supported: ['ES256'], client_attestation_pop_signing_alg_values_supported: ['ES256'],
  authorization_response_iss_parameter_supported: true, grant_types_supported: ['authorization_code', 'urn:ietf:params:oauth:grant-type:pre-authorized_code', 'refresh_token'], 'pre-authorized_grant_anonymous_access_supported': true,
})
const ciMeta = issuer.createCredentialIssuerMetadata({
  credential_issuer: BASE, authorization_servers: [BASE], credential_endpoint: BASE + '/credential', nonce_endpoint: BASE + '/nonce', deferred_credential_endpoint: BASE + '/deferred', notification_endpoint: BASE + '/notification',
  batch_credential_issuance: { batch_size: 100 }, credential_configurations_supported: configs, display: [{ name: 'Utopia issuer', locale: 'en' }],
  credential_response_encryption: { alg_values_supported: ['ECDH-ES'], enc_values_supported: ['A128GCM', 'A256GCM'], encryption_required: false },
  credential_request_encryption: { jwks: { keys: [publicJwk(encKey)] }, enc_values_supported: ['A128GCM', 'A256GCM'], encryption_required: false },
})
const meta = { credentialIssuer: ciMeta, authorizationServers: [asMeta], originalDraftVersion: vci.Openid4vciVersion.V1, knownCredentialConfigurations: issuer.getKnownCredentialConfigurationsSupported(ciMeta) }

const offers = new Map(), preCodes = new Map(), codes = new Map(), pars = new Map(), nonces = new Map(), deferred = new Map(), refresh = new Map(), notifications = []
const rnd = () => b64u(randomBytes(24))
const statusList = new StatusList(new Array(1 << 17).fill(0), 1); let nextIdx = 0
const app = express(); app.disable('x-powered-by')
const raw = (req, res, next) => { const c = []; req.on('data', (d) => c.push(d)); req.on('end', () => { req.raw = Buffer.concat(c); next() }) }
app.use(raw)
const rq = (req) => ({ method: req.method, url: BASE + req.originalUrl, headers: new Headers(Object.entries(req.headers).flatMap(([k, v]) => Array.isArray(v) ? v.map((x) => [k, x]) : [[k, v]])) })
const form = (req) => Object.fromEntries(new URLSearchParams(req.raw.toString()))
const h = (f) => async (req, res) => {
  try { await f(req, res) } catch (e) {
    const body = e.errorResponse ?? e.wwwAuthenticateHeaders ?? undefined
    log(req.method, req.path, 'ERROR', e.message, e.cause?.message ?? '')
    if (e.toHeaderValue || e.wwwAuthenticateHeaders) { res.set('WWW-Authenticate', e.toHeaderValue?.() ?? 'DPoP'); return res.status(401).json({ error: 'invalid_token', error_description: e.message }) }
    res.status(e.status ?? 400).json(body ?? { error: 'invalid_request', error_description: e.message })
  }
}
app.get('/.well-known/openid-credential-issuer', h(async (req, res) => {
  if ((req.headers.accept ?? '').includes('application/jwt')) {
    const jwt = await issuer.createSignedCredentialIssuerMetadataJwt({ credentialIssuerMetadata: ciMeta, signer: { method: 'x5c', alg: 'ES256', x5c: sdX5c, kid: undefined }, issuer: BASE })
    return res.type('application/jwt').send(typeof jwt === 'string' ? jwt : jwt.jwt)
  }
  res.json(ciMeta)
}))
app.get('/.well-known/oauth-authorization-server', (q, r) => r.json(asMeta))
app.get('/jwks', (q, r) => r.json({ keys: [{ ...publicJwk(asKey), kid: 'as-1', use: 'sig' }] }))
app.post('/admin/offer', h(async (req, res) => {
  const o = req.raw.length ? JSON.parse(req.raw) : {}
  const id = rnd(); const configIds = o.configs ?? ['mdl', 'pid']; const tx = o.tx_code ? String(Math.floor(Math.random() * 1e6)).padStart(6, '0') : undefined
  const grants = {}
  if (o.grant === 'code') { const st = rnd(); codes.set('st:' + st, { configIds }); grants.authorization_code = { issuer_state: st } } else {
    const pc = rnd(); preCodes.set(pc, { configIds, tx, exp: Date.now() + 600e3 })
    grants['urn:ietf:params:oauth:grant-type:pre-authorized_code'] = { 'pre-authorized_code': pc, ...(tx ? { tx_code: { input_mode: 'numeric', length: 6 } } : {}) }
  }
  const r = await issuer.createCredentialOffer({ credentialConfigurationIds: configIds, grants, issuerMetadata: meta, credentialOfferUri: `${BASE}/offers/${id}` })
  offers.set(id, r.credentialOfferObject)
  res.json({ uri: r.credentialOffer, tx_code: tx, offer: r.credentialOfferObject })
}))
app.get('/offers/:id', (q, r) => offers.has(q.params.id) ? r.json(offers.get(q.params.id)) : r.status(404).end())
app.post('/par', h(async (req, res) => {
  const p = await as.parsePushedAuthorizationRequest({ authorizationRequest: form(req), request: rq(req) })
  const v = await as.verifyPushedAuthorizationRequest({ authorizationRequest: p.authorizationRequest, authorizationServerMetadata: asMeta, request: rq(req), clientAttestation: { ...p.clientAttestation, required: !!a.attest }, dpop: { ...p.dpop, required: false, allowedSigningAlgs: ['ES256'] } })
  const uri = 'urn:ietf:params:oauth:request_uri:' + rnd()
  pars.set(uri, { ...p.authorizationRequest, jkt: v.dpop?.jwkThumbprint, client: v.clientAttestation?.clientAttestation.payload.sub })
  res.status(201).json(as.createPushedAuthorizationResponse({ requestUri: uri, expiresInSeconds: 90 }).pushedAuthorizationResponse)
}))
app.get('/authorize', h(async (req, res) => { // auto-consent
  const par = pars.get(req.query.request_uri); if (!par) return res.status(400).send('unknown request_uri'); pars.delete(req.query.request_uri)
  const code = rnd(); const st = par.issuer_state && codes.get('st:' + par.issuer_state)
  codes.set(code, { par, configIds: st?.configIds ?? (par.scope ?? '').split(' ').map((s) => Object.keys(configs).find((k) => configs[k].scope === s)).filter(Boolean), exp: Date.now() + 60e3 })
  const u = new URL(par.redirect_uri); u.searchParams.set('code', code); u.searchParams.set('iss', BASE); if (par.state) u.searchParams.set('state', par.state)
  res.redirect(302, u.toString())
}))
app.post('/token', h(async (req, res) => {
  const request = rq(req); const p = as.parseAccessTokenRequest({ accessTokenRequest: form(req), request, authorizationServerMetadata: asMeta })
  const common = { authorizationServerMetadata: asMeta, accessTokenRequest: p.accessTokenRequest, request, grant: p.grant, dpop: { ...p.dpop, required: false, allowedSigningAlgs: ['ES256'] }, clientAttestation: { ...p.clientAttestation, required: false } }
  let s, sub, v
  if (p.grant.grantType === 'authorization_code') {
    s = codes.get(p.grant.code); if (!s || s.exp < Date.now()) return res.status(400).json({ error: 'invalid_grant' }); codes.delete(p.grant.code)
    v = await as.verifyAuthorizationCodeAccessTokenRequest({ ...common, expectedCode: p.grant.code, pkce: { codeChallenge: s.par.code_challenge, codeChallengeMethod: s.par.code_challenge_method, codeVerifier: p.pkceCodeVerifier }, dpop: { ...common.dpop, expectedJwkThumbprint: s.par.jkt } }); sub = rnd()
  } else if (p.grant.grantType === 'refresh_token') {
    s = refresh.get(p.grant.refreshToken); if (!s) return res.status(400).json({ error: 'invalid_grant' })
    v = await as.verifyRefreshTokenAccessTokenRequest({ ...common, expectedRefreshToken: p.grant.refreshToken, dpop: { ...common.dpop, expectedJwkThumbprint: s.jkt } }); sub = s.sub
  } else {
    s = preCodes.get(p.grant.preAuthorizedCode); if (!s) return res.status(400).json({ error: 'invalid_grant' })
    v = await as.verifyPreAuthorizedCodeAccessTokenRequest({ ...common, expectedPreAuthorizedCode: p.grant.preAuthorizedCode, expectedTxCode: s.tx, preAuthorizedCodeExpiresAt: new Date(s.exp) }); sub = rnd(); preCodes.delete(p.grant.preAuthorizedCode)
  }
  const rt = rnd(); refresh.set(rt, { ...s, sub, jkt: v.dpop?.jwkThumbprint })
  const r = await as.createAccessTokenResponse({ audience: BASE, authorizationServer: BASE, signer: { method: 'jwk', alg: 'ES256', publicJwk: publicJwk(asKey) }, subject: sub, expiresInSeconds: 600, dpop: v.dpop, scope: s.configIds.map((c) => configs[c].scope).join(' '), refreshToken: rt,
    additionalAccessTokenPayload: { client_id: v.clientAttestation?.clientAttestation.payload.sub } })
  res.set('cache-control', 'no-store').json(r)
}))
app.post('/nonce', (q, r) => { const n = rnd(); nonces.set(n, Date.now() + 300e3); r.set('cache-control', 'no-store').json(issuer.createNonceResponse({ cNonce: n })) })
async function bearer(req) { return rs.verifyResourceRequest({ authorizationServers: [asMeta], request: rq(req), resourceServer: BASE }) }
async function makeOne(id, jwk) {
  const cfg = configs[id]; const idx = nextIdx++; const status = { status_list: { idx, uri: BASE + '/status/1' } }
  if (cfg.format === 'mso_mdoc') return (await owfIssue({ docType: cfg.doctype, namespaces: { [mdlW.namespace]: owfElements(mdlW) }, deviceJwk: jwk, dsJwk: ds, dsCertDer: dsDer })).encodedForOid4Vci
  const now = Math.floor(Date.now() / 1000)
  return sdjwtIssue({ payload: { iss: BASE, iat: now, exp: now + 14 * 86400, vct: cfg.vct, cnf: { jwk: publicJwk(jwk) }, status }, claims: pidW.claims, issuerJwk: sd, x5c: sdX5c })
}
app.post('/credential', h(async (req, res) => {
  const { tokenPayload } = await bearer(req)
  let body
  if ((req.headers['content-type'] ?? '').startsWith('application/jwt')) { const d = await cb.decryptJwe(req.raw.toString()); if (!d.decrypted) return res.status(400).json({ error: 'invalid_encryption_parameters' }); body = JSON.parse(d.payload) } else body = JSON.parse(req.raw)
  if (body.credential_response_encryption && !body.credential_response_encryption.alg) body.credential_response_encryption.alg = body.credential_response_encryption.jwk?.alg // 1.0 final: alg is in the JWK; this library version still wants the draft-15 member
  const p = issuer.parseCredentialRequest({ issuerMetadata: meta, credentialRequest: body })
  const id = p.credentialConfigurationId; if (!id) return res.status(400).json({ error: 'unknown_credential_configuration' })
  if (!tokenPayload.scope?.split(' ').includes(configs[id].scope)) return res.status(403).json({ error: 'insufficient_scope' })
  const keys = []
  const useNonce = (n) => { const e = nonces.get(n); if (!e || e < Date.now()) throw Object.assign(new Error('nonce'), { errorResponse: { error: 'invalid_nonce' } }) }
  for (const jwt of p.proofs?.jwt ?? []) {
    const n = JSON.parse(fromB64u(jwt.split('.')[1]).reduce ? Buffer.from(jwt.split('.')[1], 'base64url') : '{}').nonce; useNonce(n)
    const v = await issuer.verifyCredentialRequestJwtProof({ issuerMetadata: meta, jwt, expectedNonce: n })
    if (v.keyAttestation) keys.push(...v.keyAttestation.payload.attested_keys); else keys.push(v.signer.publicJwk)
  }
  for (const ka of p.proofs?.attestation ?? []) {
    const n = JSON.parse(Buffer.from(ka.split('.')[1], 'base64url')).nonce; useNonce(n)
    const v = await issuer.verifyCredentialRequestAttestationProof({ issuerMetadata: meta, keyAttestationJwt: ka, expectedNonce: n }); keys.push(...v.payload.attested_keys)
  }
  if (!keys.length) return res.status(400).json({ error: 'invalid_proof', error_description: 'no proof' })
  let opts
  const nid = rnd()
  if (id === 'mdl-deferred') { const t = rnd(); deferred.set(t, { id, keys, ready: Date.now() + 1500 }); opts = { transactionId: t, interval: 1 } } else opts = { credentials: await Promise.all(keys.map(async (k) => ({ credential: await makeOne(id, k) }))), notificationId: nid }
  const r = await issuer.createCredentialResponse({ ...opts, credentialRequest: p, credentialResponseEncryption: p.credentialResponseEncryption && { ...p.credentialResponseEncryption, alg: p.credentialResponseEncryption.alg ?? p.credentialResponseEncryption.jwk.alg ?? 'ECDH-ES' } })
  log('credential', id, keys.length)
  if (r.credentialResponseJwt) return res.status(opts.transactionId ? 202 : 200).type('application/jwt').send(r.credentialResponseJwt)
  res.status(opts.transactionId ? 202 : 200).set('cache-control', 'no-store').json(r.credentialResponse)
}))
app.post('/deferred', h(async (req, res) => {
  await bearer(req); const d = issuer.parseDeferredCredentialRequest({ deferredCredentialRequest: JSON.parse(req.raw) }).deferredCredentialRequest
  const s = deferred.get(d.transaction_id); if (!s) return res.status(400).json({ error: 'invalid_transaction_id' })
  if (Date.now() < s.ready) return res.status(202).json({ transaction_id: d.transaction_id, interval: 1 })
  deferred.delete(d.transaction_id)
  res.json({ credentials: await Promise.all(s.keys.map(async (k) => ({ credential: await makeOne(s.id, k) }))), notification_id: rnd() })
}))
app.post('/notification', h(async (req, res) => { await bearer(req); notifications.push(JSON.parse(req.raw)); res.status(204).end() }))
app.get('/admin/notifications', (q, r) => r.json(notifications))
app.post('/admin/revoke/:idx', (q, r) => { statusList.setStatus(Number(q.params.idx), 1); r.json({ ok: true }) })
app.get('/status/1', h(async (req, res) => {
  const now = Math.floor(Date.now() / 1000)
  const { header, payload } = createHeaderAndPayload(statusList, { iss: BASE, sub: BASE + '/status/1', iat: now, exp: now + 3600, ttl: 600 }, { alg: 'ES256', typ: 'statuslist+jwt' })
  const sk = a['status-key'] ?? 'status' // --status-key sdjwt: sign the list with the credential key (Credo 0.6.3 only accepts that)
  header.x5c = [Buffer.from(pemToDer(loadCertPem(sk))).toString('base64')]
  const input = b64u(JSON.stringify(header)) + '.' + b64u(JSON.stringify(payload))
  res.set('cache-control', 'max-age=600').type('application/statuslist+jwt').send(input + '.' + signerFor(loadKey(sk))(input))
}))
;(a.tls ? (await import('node:https')).createServer({ key: fs.readFileSync(PKI_DIR + '/tls.key.pem'), cert: fs.readFileSync(PKI_DIR + '/tls.pem') }, app) : app).listen(PORT, '127.0.0.1', () => console.log('issuer', BASE, 'pid', process.pid))
