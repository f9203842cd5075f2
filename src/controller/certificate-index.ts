import type { CertificateInUse, ControllerCache } from './controller-cache.ts';

/** The certificates in use by what is polled about many of them, kept up to date by the changes of the cache alone. */
export class CertificateIndex {
  readonly #cache: ControllerCache;
  readonly #keyOf: (certificate: CertificateInUse) => string | undefined;
  readonly #changedRequests: Set<string>;
  /** By key: the `namespace/name` of each CertificateRequest. */
  readonly #requests = new Map<string, string | Set<string>>();
  readonly #keyByRequest = new Map<string, string>();

  /** @param keyOfCertificate undefined: nothing is polled about it. */
  constructor(cache: ControllerCache, keyOfCertificate: (certificate: CertificateInUse) => string | undefined) {
    this.#cache = cache;
    this.#keyOf = keyOfCertificate;
    this.#changedRequests = cache.changedRequests();
  }

  /** @returns the unexpired certificates of a key. @param now epoch milliseconds. */
  get(key: string, now: number): readonly CertificateInUse[] {
    const requests = this.#requests.get(key) ?? new Set();
    const certificates: CertificateInUse[] = [];
    for (const request of typeof requests === 'string' ? [requests] : requests) {
      const certificate = this.#cache.certificateInUse(request, now);
      if (certificate !== undefined && this.#keyOf(certificate) === key) certificates.push(certificate);
    }
    return certificates;
  }

  /** Takes over the changes since the last call. @returns the key of each; a key may have no certificate any more. */
  *update(now: number): Generator<string> {
    for (const request of this.#changedRequests) {
      this.#changedRequests.delete(request);
      const certificate = this.#cache.certificateInUse(request, now);
      const key = certificate && this.#keyOf(certificate);
      const previous = this.#keyByRequest.get(request);
      if (previous !== undefined && previous !== key) {
        this.#remove(previous, request);
        yield previous;
      }
      if (key === undefined) continue;
      if (previous !== key) this.#add(key, request);
      yield key;
    }
  }

  #add(key: string, request: string): void {
    this.#keyByRequest.set(request, key);
    const sharing = this.#requests.get(key);
    if (sharing === undefined) this.#requests.set(key, request);
    else this.#requests.set(key, typeof sharing === 'string' ? new Set([sharing, request]) : sharing.add(request));
  }

  #remove(key: string, request: string): void {
    this.#keyByRequest.delete(request);
    const requests = this.#requests.get(key);
    if (typeof requests === 'object') requests.delete(request);
    if (typeof requests === 'string' || requests?.size === 0) this.#requests.delete(key);
  }
}
