import type { KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { maxEntries } from '../cache/max-entries.ts';
import type { AcmeAccount } from './account.ts';
import type { CaHealth } from './ca-health.ts';
import { cachedDirectory } from './directory.ts';
import { NewOrderLimit } from './new-order-limit.ts';
import { NoncePool } from './nonce-pool.ts';
import { Seals } from './seals.ts';
import { Signer } from './signer.ts';
import type { AcmeTransport } from './transport.ts';

/**
 * Called once for each answered request, for metrics. `resource` is an `AcmeResource`.
 * @param problem of a refusal: one of `PROBLEM_TYPES`, or `other`; undefined: it is none.
 */
export type RequestObserver = (resource: string, status: number, seconds: number, problem: string | undefined) => void;

/** What a session does besides. */
export interface SessionOptions {
  readonly observe?: RequestObserver | undefined;
  /** Called when the CA refuses the key of this thumbprint. @returns another key of the account. */
  readonly otherKey?: ((thumbprint: string) => Promise<KeyObject | undefined>) | undefined;
  /** Learns how each request ends. */
  readonly health?: CaHealth | undefined;
}

const MAX_READY_ORDERS = 2_000;

/** State that all requests to one CA under one account share, concurrent ones included. */
export type AcmeSession = ReturnType<typeof createSession>;

/** Creates a session without requests to the CA. */
export function createSession(
  account: AcmeAccount,
  transport: AcmeTransport,
  { observe, otherKey, health }: SessionOptions = {},
) {
  transport.trust(account.directoryUrl);
  let signer = new Signer(account.key);
  return {
    account,
    transport,
    observe,
    health,
    /** Of the account key, which changes in a key rollover. */
    get signer(): Signer {
      return signer;
    },
    /** Signs with another key of the account from now on. */
    useKey(key: KeyObject): void {
      signer = new Signer(key);
    },
    /** After the CA refused a key. @returns whether there is another one, which the session uses now. */
    async replaceKey(refused: string): Promise<boolean> {
      if (signer.thumbprint === refused) {
        const key = await otherKey?.(refused);
        if (key !== undefined && signer.thumbprint === refused) signer = new Signer(key);
      }
      return signer.thumbprint !== refused;
    },
    seals: new Seals(account.key, account.sealKey),
    directory: cachedDirectory(transport, account.directoryUrl),
    nonces: new NoncePool(),
    newOrderLimit: new NewOrderLimit(),
    /** Finalize URLs of orders that this process saw become ready: saves fetching an order before it is finalized. */
    readyOrders: new LRUCache<string, string>(maxEntries(MAX_READY_ORDERS)),
  };
}
