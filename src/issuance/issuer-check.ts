import type { X509Certificate } from 'node:crypto';
import type { ChainRevocations } from '../crl/chain-revocations.ts';
import { decodeCertificates } from '../x509/certificate.ts';
import { lastIssuerOf, trustedPathOf } from '../x509/verify-chain.ts';
import type { TrustRoots } from './trust-roots.ts';

/** Finds revoked issuers of certificates in use. */
export class IssuerCheck {
  readonly #roots: Pick<TrustRoots, 'of'>;
  readonly #revocations: Pick<ChainRevocations, 'checkIssuers'>;

  constructor(roots: Pick<TrustRoots, 'of'>, revocations: Pick<ChainRevocations, 'checkIssuers'>) {
    this.#roots = roots;
    this.#revocations = revocations;
  }

  /**
   * The issuer in a chain that its own issuer has revoked. Users can write chains: only one that leads to a trusted root has
   * CRLs fetched.
   * @returns undefined when none is known to be.
   */
  async revokedIssuer(chainPem: string): Promise<X509Certificate | undefined> {
    const chain = decodeCertificates(chainPem) ?? [];
    // Which CA it is from is not known here; staging's are not checked.
    const trust = this.#roots.of('');
    const now = new Date();
    if (trust === 'any' || trustedPathOf(chain, trust, now) === undefined) return undefined;
    const { revoked } = await this.#revocations.checkIssuers(chain, lastIssuerOf(chain, trust, now));
    return revoked === undefined ? undefined : chain[revoked];
  }
}
