import { createHash } from 'node:crypto';
import HttpClient from 'acme-client/src/http.js';
import { LRUCache } from 'lru-cache';
import type { AcmeAccount } from './account.ts';
import { cachedDirectory } from './directory.ts';
import { NewOrderLimit } from './new-order-limit.ts';
import { NoncePool } from './nonce-pool.ts';
import { Seals } from './seals.ts';
import type { AcmeTransport } from './transport.ts';

/** Called once for each answered request, for metrics. `resource` is an `AcmeResource`. */
export type RequestObserver = (resource: string, status: number, seconds: number) => void;

const MAX_READY_ORDERS = 2_000;

/** State that all requests to one CA under one account share, concurrent ones included. */
export type AcmeSession = ReturnType<typeof createSession>;

/** Creates a session without requests to the CA. */
export function createSession(account: AcmeAccount, transport: AcmeTransport, observe?: RequestObserver) {
  transport.trust(account.directoryUrl);
  const signer = new HttpClient(account.directoryUrl, account.key);
  return {
    account,
    transport,
    observe,
    /** Only signs: acme-client fetches a nonce for every request, retries by itself and cannot cancel a request. */
    signer,
    /** `base64url(SHA-256(JWK))` (RFC 7638): the second half of a key authorization (RFC 8555 §8.1). */
    thumbprint: createHash('sha256').update(JSON.stringify(signer.getJwk())).digest('base64url'),
    seals: new Seals(account.key),
    directory: cachedDirectory(transport, account.directoryUrl),
    nonces: new NoncePool(),
    newOrderLimit: new NewOrderLimit(),
    /** Finalize URLs of orders that this process saw become ready: saves fetching an order before it is finalized. */
    readyOrders: new LRUCache<string, string>({ max: MAX_READY_ORDERS }),
  };
}
