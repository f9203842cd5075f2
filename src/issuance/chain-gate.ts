import type { KeyObject } from 'node:crypto';
import type { SecureContext } from 'node:tls';
import type { ChainRevocations } from '../crl/chain-revocations.ts';
import { decodeCertificates } from '../x509/certificate.ts';
import { clientRefusal, createTlsClient } from '../x509/client-verdict.ts';
import type { TrustStore } from '../x509/trust-store.ts';
import {
  type ChainRefusal,
  type ChainRefusalReason,
  lastIssuerOf,
  refusalByHive,
  refusalOf,
  verifyChain,
} from '../x509/verify-chain.ts';
import type { TrustedByHive } from './hive-trust.ts';
import type { TrustRoots } from './trust-roots.ts';

/** What a gate is made of. */
export interface ChainGateOptions {
  readonly roots: Pick<TrustRoots, 'of'>;
  /** Undefined: CRLs are not checked. */
  readonly revocations?: Pick<ChainRevocations, 'check'> | undefined;
  /** Called for each chain that is refused, for metrics. */
  readonly onRefused?: (reason: ChainRefusalReason) => void;
  /** What could not be checked. */
  readonly onWarning?: (message: string) => void;
}

/** A chain that a CA has sent, and what it has to be for. */
export interface ChainToVerify {
  readonly chainPem: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  readonly dnsNames: readonly string[];
  /** Of the CA's directory. */
  readonly caHost: string;
  /** Absent: Hive need not trust it. */
  readonly trustedByHive?: TrustedByHive | undefined;
}

/** Verifies chains before they are installed: by rules, by the CRLs of the CA, and by a TLS client. */
export class ChainGate {
  readonly #options: ChainGateOptions;
  readonly #clients = new WeakMap<TrustStore, SecureContext>();

  constructor(options: ChainGateOptions) {
    this.#options = options;
  }

  /** Why clients would refuse a chain; undefined: they would not. */
  async verify(found: ChainToVerify): Promise<ChainRefusal | undefined> {
    const refusal = await this.#refusalOf(found);
    if (refusal !== undefined) this.#options.onRefused?.(refusal.reason);
    return refusal;
  }

  async #refusalOf(found: ChainToVerify): Promise<ChainRefusal | undefined> {
    const { chainPem, key, keyPem, dnsNames, caHost, trustedByHive } = found;
    const { roots, revocations, onWarning } = this.#options;
    const chain = decodeCertificates(chainPem);
    if (chain === undefined) return { reason: 'malformed', message: 'one of its certificates cannot be decoded' };
    const now = new Date();
    const trust = roots.of(caHost);
    const { refusal } = verifyChain(chain, { key, dnsNames, trust, now });
    if (refusal !== undefined) return refusal;
    const byHive = trustedByHive && refusalByHive(chain, trustedByHive.store, trustedByHive.secret, now);
    if (byHive !== undefined) return byHive;
    const { revoked, unchecked = [] } = (await revocations?.check(chain, lastIssuerOf(chain, trust, now), now)) ?? {};
    if (revoked !== undefined)
      return refusalOf(chain, revoked, 'revoked', 'is on the CRL of its issuer: it is revoked');
    for (const problem of unchecked)
      onWarning?.(`An issuer of the certificate for ${dnsNames[0]} could not be checked: ${problem}`);
    const client = trust === 'any' ? createTlsClient([chain.at(-1)?.toString() ?? '']) : this.#clientOf(trust);
    const why = await clientRefusal(client, { chainPem, keyPem });
    return why === undefined ? undefined : { reason: 'refusedByClient', message: `a TLS client refuses it: ${why}` };
  }

  #clientOf(trust: TrustStore): SecureContext {
    const known = this.#clients.get(trust);
    if (known !== undefined) return known;
    const client = createTlsClient(trust.pems);
    this.#clients.set(trust, client);
    return client;
  }
}
