/** Probes in a row that did not reach a name of a certificate, of its present version. */
export class FailedProbes {
  /** By the certificate's key. */
  readonly #failures = new Map<string, { readonly version: number; readonly count: number }>();

  /** Certificates whose last probe failed. */
  get size(): number {
    return this.#failures.size;
  }

  /** Counts a probe that did not reach a name. @returns how many there are in a row. */
  add(key: string, version: number): number {
    const before = this.#failures.get(key);
    const count = (before?.version === version ? before.count : 0) + 1;
    this.#failures.set(key, { version, count });
    return count;
  }

  /** A probe reached every name, or the certificate is not in use any more. */
  delete(key: string): void {
    this.#failures.delete(key);
  }
}
