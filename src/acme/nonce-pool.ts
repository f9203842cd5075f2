/** Nonces kept at most; more than this are never in flight at once. */
const CAPACITY = 256;
/** Boulder forgets nonces after a while; an old one only costs a badNonce round. */
const MAX_AGE_MS = 5 * 60_000;

/**
 * Anti-replay nonces that answers brought along (RFC 8555 §6.5), so that a signed request seldom has to ask for one first.
 * The freshest is used first. One pool per directory: nonces of one CA mean nothing to another.
 */
export class NoncePool {
  readonly #nonces: { readonly value: string; readonly since: number }[] = [];
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Keeps a nonce of an answer. Values that RFC 8555 §6.5.1 does not allow are ignored, as it asks. */
  put(nonce: string | undefined): void {
    if (nonce === undefined || !/^[A-Za-z0-9_-]{1,256}$/.test(nonce)) return;
    if (this.#nonces.length >= CAPACITY) this.#nonces.shift();
    this.#nonces.push({ value: nonce, since: this.#now() });
  }

  /** A nonce that was not used before, or undefined: then ask the CA's newNonce. */
  take(): string | undefined {
    const freshest = this.#nonces.pop();
    if (freshest === undefined) return undefined;
    if (this.#now() - freshest.since <= MAX_AGE_MS) return freshest.value;
    this.#nonces.length = 0;
    return undefined;
  }

  get size(): number {
    return this.#nonces.length;
  }
}
