// An OpenID Connect provider (panva's oidc-provider) that plays the login of a
// state on a free loopback port. It prints its issuer on the first line, then
// what it was asked. Whoever comes is logged in as the one account it has.
//
//   node provider.mjs '{"redirect": URL, "secret": TEXT | "jwk": OBJECT, "acr": TEXT, "claims": true, "person": TEXT, "cancel": false, "age": 0}'
import { generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import Provider, { errors } from 'oidc-provider'

const options = { acr: 'urn:example:loa:high', claims: true, person: 'P1', cancel: false, age: 0, ...JSON.parse(process.argv[2] ?? '{}') }
const jwk = (kid) => ({ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' })

const server = http.createServer()
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [{
    client_id: 'office', redirect_uris: [options.redirect], response_types: ['code'], grant_types: ['authorization_code'],
    id_token_signed_response_alg: 'ES256',
    ...(options.jwk
      ? { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: { keys: [options.jwk] } }
      : { token_endpoint_auth_method: 'client_secret_basic', client_secret: options.secret }),
  }],
  jwks: { keys: [jwk('one')] },
  cookies: { keys: ['for tests alone'] },
  acrValues: ['urn:example:loa:high', 'urn:example:loa:low'],
  claims: { openid: ['sub', 'person_number', 'name'], acr: null, auth_time: null },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false }, claimsParameter: { enabled: options.claims } },
  pkce: { required: () => true },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: 'Erika Dvorak', ...(options.person ? { person_number: options.person } : {}) }),
  }),
  renderError: (ctx, out, error) => { console.log('ERROR', error.message, error.error_detail ?? error.error_description ?? ''); ctx.status = 400; ctx.body = out },
})

let tries = 0
const interact = async (req, res) => {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res)
  console.log('PROMPT', prompt.name, prompt.reasons.join(','), JSON.stringify({ acr_values: params.acr_values, max_age: params.max_age, ui_locales: params.ui_locales, claims: params.claims }))
  if (options.cancel) return provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'the person does not want to' })
  if (prompt.name === 'login') {
    // A provider that cannot reach the level says so, instead of asking for ever.
    if (++tries > 1) return provider.interactionFinished(req, res, { error: 'unmet_authentication_requirements', error_description: 'this level cannot be reached' })
    return provider.interactionFinished(req, res, { login: { accountId: 'erika', acr: options.acr, ts: Math.floor(Date.now() / 1000) - options.age, remember: false } })
  }
  const grant = grantId ? await provider.Grant.find(grantId) : new provider.Grant({ accountId: session.accountId, clientId: params.client_id })
  if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '))
  if (prompt.details.missingOIDCClaims) grant.addOIDCClaims(prompt.details.missingOIDCClaims)
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true })
}

const callback = provider.callback()
server.on('request', (req, res) => {
  if (!req.url.startsWith('/interaction/')) return callback(req, res)
  interact(req, res).catch((e) => { console.log('ERROR', e instanceof errors.OIDCProviderError ? e.message : e.stack); res.writeHead(500).end() })
})
console.log(issuer)
