// The wallet library of the EU reference implementation as a wallet: redeems a
// pre-authorized code with DPoP and fetches a batch of each configuration. The
// newest version that can be had is written after draft 15; two keys or more go
// into proofs, as in 1.0.
//   Wallet OFFER TX_CODE CA.pem BATCH OUT
import com.nimbusds.jose.JWSAlgorithm
import com.nimbusds.jose.jwk.Curve
import com.nimbusds.jose.jwk.ECKey
import com.nimbusds.jose.jwk.gen.ECKeyGenerator
import eu.europa.ec.eudi.openid4vci.*
import io.ktor.client.HttpClient
import io.ktor.client.engine.java.Java
import io.ktor.client.plugins.contentnegotiation.ContentNegotiation
import io.ktor.serialization.kotlinx.json.json
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import java.io.File
import java.net.URI
import java.security.KeyStore
import java.security.cert.CertificateFactory
import javax.net.ssl.SSLContext
import javax.net.ssl.TrustManagerFactory
import kotlin.system.exitProcess

fun trusting(pem: String): SSLContext {
    val store = KeyStore.getInstance(KeyStore.getDefaultType()).apply { load(null, null) }
    File(pem).inputStream().use { store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(it)) }
    val managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm()).apply { init(store) }
    return SSLContext.getInstance("TLS").apply { init(null, managers.trustManagers, null) }
}

fun signer(key: ECKey) = PopSigner.jwtPopSigner(key, JWSAlgorithm.ES256, JwtBindingKey.Jwk(key.toPublicJWK()))

fun fresh(): ECKey = ECKeyGenerator(Curve.P_256).generate()

fun run(offer: String, txCode: String, ca: String, batch: Int, out: File) = runBlocking {
    val tls = trusting(ca)
    val config = OpenId4VCIConfig(
        clientId = "eudi-wallet",
        authFlowRedirectionURI = URI.create("https://wallet.example.test/cb"),
        keyGenerationConfig = KeyGenerationConfig.ecOnly(Curve.P_256),
        credentialResponseEncryptionPolicy = CredentialResponseEncryptionPolicy.SUPPORTED,
        dPoPSigner = signer(fresh()),
    )
    val http: KtorHttpClientFactory = {
        HttpClient(Java) {
            install(ContentNegotiation) { json(Json { ignoreUnknownKeys = true }) }
            engine { config { sslContext(tls) } }
        }
    }
    // In clear: this version encrypts answers as draft 15 had it, with alg beside
    // the key and in requests that are not encrypted, which 1.0 refuses.
    val issuer = Issuer.make(config, offer, http, responseEncryptionSpecFactory = { _, _ -> null }).getOrThrow()
    with(issuer) {
        var authorized = authorizeWithPreAuthorizationCode(txCode).getOrThrow()
        println("token dpop ${authorized.accessToken is AccessToken.DPoP}")
        for (id in credentialOffer.credentialConfigurationIdentifiers) {
            val keys = List(batch) { signer(fresh()) }
            val (next, outcome) = authorized.request(IssuanceRequestPayload.ConfigurationBased(id), keys).getOrThrow()
            authorized = next
            when (outcome) {
                is SubmissionOutcome.Success -> {
                    outcome.credentials.forEachIndexed { i, c -> File(out, "${id.value}-$i").writeText((c.credential as Credential.Str).value) }
                    println("credential ${id.value} ${outcome.credentials.size}")
                    outcome.notificationId?.let { authorized.notify(CredentialIssuanceEvent.Accepted(it, "kept")).getOrThrow() }
                }
                is SubmissionOutcome.Deferred -> error("deferred")
                is SubmissionOutcome.Failed -> throw outcome.error
            }
        }
    }
}

fun main(args: Array<String>) {
    try {
        run(args[0], args[1], args[2], args[3].toInt(), File(args[4]))
        println("RESULT ok")
    } catch (e: Throwable) {
        println("RESULT FAIL ${e.stackTraceToString()}")
        exitProcess(1)
    }
    exitProcess(0)
}
