// Issuer metadata as @openid4vc/openid4vci reads them: signed, and by language.
//   node metadata.mjs --issuer URL --trust access-ca.pem --languages de,en
import { parseArgs, loadTrust, oid4vcCallbacks } from './lib/common.mjs'
import * as vci from '@openid4vc/openid4vci'
import * as oauth from '@openid4vc/oauth2'

const a = parseArgs()
vci.setGlobalConfig?.({ allowInsecureUrls: true }); oauth.setGlobalConfig?.({ allowInsecureUrls: true })
const resolve = async (headers, trusted) => {
  let answered
  const fetchImpl = async (u, o) => {
    if (!String(u).includes('openid-credential-issuer')) return fetch(u, o)
    answered = await fetch(u, { ...o, headers: { ...o?.headers, ...headers } })
    return answered
  }
  const callbacks = oid4vcCallbacks({ fetchImpl, trusted })
  const meta = await new vci.Openid4vciClient({ callbacks }).resolveIssuerMetadata(a.issuer)
  return { meta, answered }
}
const fail = (why) => { console.error('RESULT FAIL', why); process.exit(1) }
const trusted = loadTrust(a.trust)
const signed = await resolve({ Accept: 'application/jwt' }, trusted)
if (!signed.meta.signedCredentialIssuer) fail('not signed: ' + signed.answered.headers.get('content-type'))
const header = signed.meta.signedCredentialIssuer.jwt.header
if (header.typ !== 'openidvci-issuer-metadata+jwt' || !header.x5c?.length) fail(JSON.stringify(header))
const both = await resolve({}, trusted)
if (JSON.stringify(Object.keys(both.meta.knownCredentialConfigurations).sort()) !== JSON.stringify(Object.keys(signed.meta.knownCredentialConfigurations).sort())) fail('other configurations')
for (const language of a.languages.split(',')) {
  const { meta, answered } = await resolve({ Accept: 'application/json', 'Accept-Language': language }, trusted)
  if (answered.headers.get('content-language') !== language) fail(language + ': ' + answered.headers.get('content-language'))
  for (const [id, c] of Object.entries(meta.knownCredentialConfigurations)) {
    const shown = c.credential_metadata.display
    if (shown.length !== 1 || shown[0].locale !== language || !shown[0].logo?.uri) fail(id + ': ' + JSON.stringify(shown))
    const logo = await fetch(shown[0].logo.uri)
    if (!logo.ok || !/^image\/(svg\+xml|png)$/.test(logo.headers.get('content-type'))) fail(id + ': ' + logo.status + ' ' + logo.headers.get('content-type'))
    if (c.credential_metadata.claims.some((x) => x.display?.length !== 1 || x.display[0].locale !== language)) fail(id + ': claims in ' + language)
  }
}
try { await resolve({ Accept: 'application/jwt' }, loadTrust(a.stranger)) } catch { console.log('RESULT ok'); process.exit(0) }
fail('signed by whom nobody trusts, and taken')
