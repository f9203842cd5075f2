import { createHash } from 'node:crypto';
import HttpClient from 'acme-client/src/http.js';
import { LRUCache } from 'lru-cache';
import type { AcmeAccount } from './account.ts';
import { type AcmeDirectory, cachedDirectory } from './directory.ts';
import type { AcmeTransport } from './transport.ts';

/** Called once for each answered request, for metrics. `resource` is an `AcmeResource`. */
export type RequestObserver = (resource: string, status: number, seconds: number) => void;

const MAX_READY_ORDERS = 2_000;

/** State that all requests to one CA under one account share, concurrent ones included. */
export class AcmeSession {
  readonly account: AcmeAccount;
  readonly transport: AcmeTransport;
  readonly observe: RequestObserver | undefined;
  /** Only signs: acme-client fetches a nonce for every request, retries by itself and cannot cancel a request. */
  readonly signer: HttpClient;
  /** `base64url(SHA-256(JWK))` (RFC 7638): the second half of a key authorization (RFC 8555 §8.1). */
  readonly thumbprint: string;
  /** Cached. @throws CertmanError when there is none to return. */
  readonly directory: () => Promise<AcmeDirectory>;
  readonly nonces = new NoncePool();
  /** Finalize URLs of orders that this process saw become ready: saves fetching an order before it is finalized. */
  readonly readyOrders = new LRUCache<string, string>({ max: MAX_READY_ORDERS });

  constructor(account: AcmeAccount, transport: AcmeTransport, observe?: RequestObserver) {
    this.account = account;
    this.transport = transport;
    this.observe = observe;
    this.signer = new HttpClient(account.directoryUrl, account.key);
    this.thumbprint = createHash('sha256').update(JSON.stringify(this.signer.getJwk())).digest('base64url');
    this.directory = cachedDirectory(transport, account.directoryUrl);
  }
}

/** More nonces than are ever in flight at once. */
const MAX_NONCES = 256;
/** Boulder expires nonces; an expired one costs a badNonce round trip. */
const MAX_NONCE_AGE_MS = 5 * 60_000;

/** Anti-replay nonces of earlier answers (RFC 8555 §6.5), last in first out: saves most newNonce requests. */
export class NoncePool {
  readonly #nonces: { readonly value: string; readonly since: number }[] = [];
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Ignores values that RFC 8555 §6.5.1 does not allow. */
  put(nonce: string | undefined): void {
    if (nonce === undefined || !/^[A-Za-z0-9_-]{1,256}$/.test(nonce)) return;
    if (this.#nonces.length >= MAX_NONCES) this.#nonces.shift();
    this.#nonces.push({ value: nonce, since: this.#now() });
  }

  /** @returns the newest nonce; undefined when none is recent enough. */
  take(): string | undefined {
    const newest = this.#nonces.pop();
    if (newest !== undefined && this.#now() - newest.since <= MAX_NONCE_AGE_MS) return newest.value;
    this.#nonces.length = 0;
    return undefined;
  }

  get size(): number {
    return this.#nonces.length;
  }
}
