import { LRUCache } from 'lru-cache';

/** More nonces than are ever in flight at once. */
const MAX_NONCES = 256;
/** Boulder expires nonces; an expired one costs a badNonce round trip. */
const MAX_NONCE_AGE_MS = 5 * 60_000;

/** Anti-replay nonces of earlier answers (RFC 8555 §6.5), last in first out: saves most newNonce requests. */
export class NoncePool {
  readonly #nonces = new LRUCache<string, true>({ max: MAX_NONCES, ttl: MAX_NONCE_AGE_MS });

  /** Ignores values that RFC 8555 §6.5.1 does not allow. */
  put(nonce: string | undefined): void {
    if (nonce !== undefined && /^[A-Za-z0-9_-]{1,256}$/.test(nonce)) this.#nonces.set(nonce, true);
  }

  /** @returns the newest nonce; undefined when none is recent enough. */
  take(): string | undefined {
    const [newest] = this.#nonces.keys();
    if (newest !== undefined) this.#nonces.delete(newest);
    return newest;
  }
}
