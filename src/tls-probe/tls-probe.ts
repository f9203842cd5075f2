/** Reads the certificate chain that a TLS server presents. Sends nothing but a handshake. */
import type { X509Certificate } from 'node:crypto';
import { createSecureContext, TLSSocket } from 'node:tls';
import { errorCodeOf } from '../failures/error-code.ts';
import { oneLine } from '../failures/printable.ts';
import { guardedConnector } from '../network/guarded-connector.ts';
import { addressPolicy, type Network } from '../network/public-address.ts';
import { AddressRefusedError, type ResolveHost } from '../network/resolve-allowed.ts';

const TIMEOUT_MS = 5_000;
/** As x509/verify-chain.ts. OpenSSL refuses chains of more than 100 KiB. */
const MAX_CERTIFICATES = 10;
const MAX_WHY_LENGTH = 200;

/** How servers are probed. */
export interface TlsProbeOptions {
  /** Connected to although they are not public. Default: none. */
  readonly privateNetworks?: readonly Network[] | undefined;
  readonly resolve: ResolveHost;
  /** For the connection and the handshake. */
  readonly timeoutMs?: number;
}

/** What a server presents, its leaf first, or why that is not known: a clause. */
export type PresentedChain =
  | { readonly kind: 'chain'; readonly chain: readonly X509Certificate[] }
  /** `notPublic`: it has no address, or none that may be connected to. */
  | { readonly kind: 'notPublic' | 'unreachable'; readonly why: string };

/** Probes TLS servers at public addresses. */
export class TlsProbe {
  readonly #connect: ReturnType<typeof guardedConnector>;
  readonly #timeoutMs: number;

  constructor({ privateNetworks, resolve, timeoutMs = TIMEOUT_MS }: TlsProbeOptions) {
    this.#timeoutMs = timeoutMs;
    this.#connect = guardedConnector({
      isAllowed: addressPolicy(privateNetworks),
      resolve,
      timeout: timeoutMs,
      allowH2: false,
      // A resumed session shows no certificate.
      maxCachedSessions: 0,
      // The chain is compared with the one that is expected, and verified, by the caller. No data are sent.
      rejectUnauthorized: false,
      // One for all: else each connection parses Node's list of CAs, which nothing is verified by.
      secureContext: createSecureContext(),
    });
  }

  /** Never rejects, but with the signal's reason. */
  async read(host: string, port: number, signal: AbortSignal): Promise<PresentedChain> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<PresentedChain>();
    const timer = setTimeout(
      () => resolve({ kind: 'unreachable', why: `no TLS handshake within ${2 * this.#timeoutMs} ms` }),
      // The connector's own limit does not cover the look-up of the address.
      2 * this.#timeoutMs,
    );
    const abort = (): void => resolve({ kind: 'unreachable', why: 'the probe was ended' });
    signal.addEventListener('abort', abort, { once: true });
    const target = { hostname: host, host, protocol: 'https:', port: String(port), servername: host };
    this.#connect(target, (error, socket) => {
      if (error !== null) return resolve(failed(error));
      resolve(presentedBy(socket));
      // Completes the handshake for the server, which else logs an error.
      socket.destroySoon();
    });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      signal.throwIfAborted();
    }
  }
}

function presentedBy(socket: unknown): PresentedChain {
  const none = { kind: 'unreachable', why: 'it presents no certificate' } as const;
  if (!(socket instanceof TLSSocket)) return none;
  const chain: X509Certificate[] = [];
  for (
    let next = socket.getPeerX509Certificate();
    next !== undefined && chain.length < MAX_CERTIFICATES;
    next = next.issuerCertificate
  ) {
    chain.push(next);
  }
  return chain.length === 0 ? none : { kind: 'chain', chain };
}

function failed(error: Error): PresentedChain {
  if (error instanceof AddressRefusedError) return { kind: 'notPublic', why: error.message };
  const code = errorCodeOf(error);
  if (code === 'ENOTFOUND') return { kind: 'notPublic', why: oneLine(error.message, MAX_WHY_LENGTH) };
  if (code === 'EAI_AGAIN') return { kind: 'unreachable', why: oneLine(error.message, MAX_WHY_LENGTH) };
  return { kind: 'unreachable', why: code ?? 'the connection failed' };
}
