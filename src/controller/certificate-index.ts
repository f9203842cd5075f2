import { type CertificateInUse, type ControllerCache, keyOf } from './controller-cache.ts';

/** The certificates in use by what is polled about them, kept up to date by the changes of the cache alone. */
export class CertificateIndex {
  readonly #cache: ControllerCache;
  readonly #keyOf: (certificate: CertificateInUse) => string | undefined;
  readonly #changedRequests: Set<string>;
  /** By key, then by `namespace/name` of the CertificateRequest. */
  readonly #certificates = new Map<string, Map<string, CertificateInUse>>();
  readonly #keyByRequest = new Map<string, string>();

  /** @param keyOfCertificate undefined: nothing is polled about it. */
  constructor(cache: ControllerCache, keyOfCertificate: (certificate: CertificateInUse) => string | undefined) {
    this.#cache = cache;
    this.#keyOf = keyOfCertificate;
    this.#changedRequests = cache.changedRequests();
  }

  /** @returns the unexpired certificates of a key. @param now epoch milliseconds. */
  get(key: string, now: number): readonly CertificateInUse[] {
    const certificates = [...(this.#certificates.get(key)?.values() ?? [])];
    return certificates.filter(({ request }) => this.#cache.certificateInUse(keyOf(request), now) !== undefined);
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
      if (certificate === undefined || key === undefined) continue;
      this.#keyByRequest.set(request, key);
      const sharing = this.#certificates.get(key) ?? new Map<string, CertificateInUse>();
      this.#certificates.set(key, sharing.set(request, certificate));
      yield key;
    }
  }

  #remove(key: string, request: string): void {
    this.#keyByRequest.delete(request);
    const certificates = this.#certificates.get(key);
    certificates?.delete(request);
    if (certificates?.size === 0) this.#certificates.delete(key);
  }
}
