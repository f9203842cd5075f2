import type { CertificateInUse, ControllerCache } from './controller-cache.ts';

/**
 * The certificates in use by what is polled about many of them, kept up to date by the changes of the cache alone. One that has
 * gone out of use is forgotten when its key is read: to know the key of each certificate would take 100 bytes of each cluster.
 */
export class CertificateIndex {
  readonly #cache: ControllerCache;
  readonly #keyOf: (certificate: CertificateInUse) => string | undefined;
  readonly #changedRequests: Set<string>;
  /** By key: the `namespace/name` of each CertificateRequest. */
  readonly #requests = new Map<string, string | Set<string>>();

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
      // One that comes into use again is a change.
      if (certificate !== undefined && this.#keyOf(certificate) === key) certificates.push(certificate);
      else this.#remove(key, request);
    }
    return certificates;
  }

  /** Takes over the changes since the last call. @returns the keys of those that are in use. */
  *update(now: number): Generator<string> {
    for (const request of this.#changedRequests) {
      this.#changedRequests.delete(request);
      const certificate = this.#cache.certificateInUse(request, now);
      const key = certificate && this.#keyOf(certificate);
      if (key === undefined) continue;
      this.#add(key, request);
      yield key;
    }
  }

  #add(key: string, request: string): void {
    const sharing = this.#requests.get(key);
    if (sharing === undefined) this.#requests.set(key, request);
    else if (typeof sharing === 'object') sharing.add(request);
    else if (sharing !== request) this.#requests.set(key, new Set([sharing, request]));
  }

  #remove(key: string, request: string): void {
    const requests = this.#requests.get(key);
    if (typeof requests === 'object') requests.delete(request);
    if (typeof requests === 'string' || requests?.size === 0) this.#requests.delete(key);
  }
}
