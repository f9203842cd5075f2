/** What a TLS client says of a chain: OpenSSL's, by a handshake within this process, without a network. */
import { duplexPair } from 'node:stream';
import { connect, createSecureContext, type SecureContext, TLSSocket } from 'node:tls';

/** A server's certificates and its key, PEM. */
export interface ServerIdentity {
  readonly chainPem: string;
  readonly keyPem: string;
}

/** Keys of at least 112 bits of security, so no SHA-1 either (SSL_CTX_set_security_level(3)). */
const CIPHERS = 'DEFAULT@SECLEVEL=2';
/** Of all that certificates may have. Without the post-quantum exchange of the default: it proves nothing here, and takes 0.5 ms. */
const CURVES = 'P-256:P-384:P-521';
/** It takes 2 ms; a handshake that never ends is a defect. */
const TIMEOUT_MS = 30_000;

/** A client that trusts these certificates, PEM, roots or not; to be reused: hundreds take some 15 ms. */
export function createTlsClient(trustedPems: readonly string[]): SecureContext {
  return createSecureContext({
    ca: [...trustedPems],
    allowPartialTrustChain: true,
    ciphers: CIPHERS,
    ecdhCurve: CURVES,
  });
}

/**
 * Has a client verify a server's chain: path, validity, constraints of names and of everything else that OpenSSL knows. Not
 * the name of the server. @returns OpenSSL's reason to refuse, a clause; undefined: the client accepts the chain.
 */
export async function clientRefusal(client: SecureContext, server: ServerIdentity): Promise<string | undefined> {
  let identity: SecureContext;
  try {
    identity = createSecureContext({ cert: server.chainPem, key: server.keyPem, ciphers: CIPHERS });
  } catch (error) {
    // Its message does not quote the key.
    return messageOf(error);
  }
  const [clientEnd, serverEnd] = duplexPair();
  const serverSocket = new TLSSocket(serverEnd, { isServer: true, secureContext: identity });
  const clientSocket = connect({
    socket: clientEnd,
    secureContext: client,
    // Compared with what was ordered before, which a handshake with one name does not.
    checkServerIdentity: () => undefined,
  });
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const timer = setTimeout(() => resolve('the handshake did not end'), TIMEOUT_MS);
  clientSocket.once('secureConnect', () => resolve(undefined));
  // The client's error comes first where both fail, for the server learns of it by an alert.
  clientSocket.on('error', (error) => resolve(messageOf(error)));
  serverSocket.on('error', (error) => resolve(messageOf(error)));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    clientSocket.destroy();
    serverSocket.destroy();
  }
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}
