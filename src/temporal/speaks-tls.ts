/** A frontend with TLS ends a connection without it and says nothing: a client shows a broken pipe, or waits. */
import { isIP } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { errorCodeOf } from '../failures/error-code.ts';

const DEFAULT_PORT = 7233;
const TIMEOUT_MS = 2_000;
/** Of OpenSSL: the other side refuses the handshake by TLS, as where it wants a client certificate. */
const ALERT_CODE = /^ERR_SSL_\w*ALERT/;

/** Whether a connection with these options has no TLS: an API key enables it, unless it is disabled. */
export function isPlaintext({ tls, apiKey }: { readonly tls?: unknown; readonly apiKey?: unknown }): boolean {
  return tls === undefined || tls === null ? apiKey === undefined : tls === false;
}

/** Whether what listens there speaks TLS. @param address `host:port`. @param withinMs for the answer; false after it. */
export async function speaksTls(address: string, withinMs = TIMEOUT_MS): Promise<boolean> {
  if (!URL.canParse(`tcp://${address}`)) return false;
  const { hostname, port } = new URL(`tcp://${address}`);
  const host = hostname.replaceAll(/[[\]]/g, '');
  const options: ConnectionOptions = {
    host,
    port: Number(port || DEFAULT_PORT),
    ALPNProtocols: ['h2'],
    // Nothing is sent, and the certificate is of no interest.
    rejectUnauthorized: false,
    ...(isIP(host) === 0 && { servername: host }),
  };
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(options);
  // There are keys once the other side has answered by TLS, whether or not it then wants a certificate.
  socket.once('keylog', () => resolve(true));
  socket.on('error', (error) => resolve(ALERT_CODE.test(errorCodeOf(error) ?? '')));
  const timer = setTimeout(() => resolve(false), withinMs);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** What a person reads of it. @param address `host:port`. */
export function withoutTls(address: string): { readonly message: string; readonly remedy: string } {
  return {
    message: `Temporal at ${address} speaks TLS, and the settings of this process have none for it.`,
    remedy:
      'Set TEMPORAL_TLS=true; also TEMPORAL_TLS_SERVER_CA_CERT_PATH where its CA is a private one, and TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH where it wants a client certificate. If another server was meant, check TEMPORAL_ADDRESS.',
  };
}
