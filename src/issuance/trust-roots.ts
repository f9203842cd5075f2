import { readFileSync, statSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { LETS_ENCRYPT_STAGING } from '../certificates/ca-change.ts';
import { errorCodeOf } from '../failures/error-code.ts';
import { TrustStore } from '../x509/trust-store.ts';

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** Where the certificates come from that clients trust. */
export interface TrustRootsOptions {
  /** Path of a PEM file; instead of all others. */
  readonly bundleFile?: string | undefined;
  /** PEM, in addition to Node's: what the ACME server is verified with is the root of many a private CA. */
  readonly acmeCaBundle?: string | undefined;
  /** The file cannot be read any more: the certificates before stay trusted. Once per reason. */
  readonly onWarning: (message: string) => void;
}

/** What the chains of a CA have to lead to. */
export class TrustRoots {
  readonly #options: TrustRootsOptions;
  #store: TrustStore | undefined;
  #version: string | undefined;
  #warned: string | undefined;

  constructor(options: TrustRootsOptions) {
    this.#options = options;
  }

  /**
   * The bundle as it is now; without one Node's roots, which NODE_EXTRA_CA_CERTS adds to.
   * @param caHost of the directory. Let's Encrypt's staging, whose roots no client trusts, may have any.
   */
  of(caHost: string): TrustStore | 'any' {
    const { bundleFile, acmeCaBundle } = this.#options;
    if (bundleFile !== undefined) return this.#ofFile(bundleFile);
    if (caHost === LETS_ENCRYPT_STAGING) return 'any';
    this.#store ??= new TrustStore([...getCACertificates('default'), ...certificatesIn(acmeCaBundle ?? '')]);
    return this.#store;
  }

  #ofFile(path: string): TrustStore {
    const before = this.#store;
    try {
      // Mounted ConfigMaps change by a symbolic link to another file.
      const { ino, mtimeMs, size } = statSync(path);
      const version = `${ino} ${mtimeMs} ${size}`;
      if (before !== undefined && version === this.#version) return before;
      const read = new TrustStore(certificatesIn(readFileSync(path, 'utf8')));
      if (read.size === 0) throw new Error('it holds no certificate');
      this.#version = version;
      this.#store = read;
      this.#warned = undefined;
      return read;
    } catch (error) {
      const reason = errorCodeOf(error) ?? (error instanceof Error ? error.message : String(error));
      if (reason !== this.#warned) {
        this.#options.onWarning(
          `CERTMAN_TRUST_BUNDLE cannot be read (${reason}); its certificates before stay trusted`,
        );
      }
      this.#warned = reason;
      // Without any, every chain is refused.
      return before ?? new TrustStore([]);
    }
  }
}

/** The PEM certificates in a text, one each. */
export function certificatesIn(pem: string): readonly string[] {
  return pem.match(PEM_CERTIFICATE) ?? [];
}
