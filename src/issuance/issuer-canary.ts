/** A new issuer is installed on a few clusters first (docs/chain.md, docs/decisions/issuer-canary.md). */

import { LoadingCache } from '../cache/loading-cache.ts';
import { expiryLevel } from '../certificates/expiry-level.ts';
import type { InstallCertificateInput } from '../contract/activities/acme.ts';
import { counted } from '../failures/counted.ts';
import { CertmanError } from '../failures/failure.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { type CanaryPlace, type IssuerRecord, IssuerRecordStore } from '../kubernetes/objects/issuer-records.ts';
import type { TlsSecret } from '../kubernetes/objects/tls-secret.ts';
import { decodeCertificates, serialNumberOf } from '../x509/certificate.ts';
import { type IssuingPath, isFromSameIssuer, issuingPathOf } from '../x509/issuing-path.ts';
import { observeCanary } from './canary-places.ts';
import {
  type CanaryRule,
  type CanaryVerdict,
  canaryEnd,
  canaryVerdict,
  installedCount,
  recordAfter,
} from './canary-verdict.ts';

/** What became of a certificate, as metrics label it. */
export type CanaryOutcome = 'known' | 'exempt' | 'canary' | 'waiting' | 'refused';

/** What the canary is made of. */
export interface IssuerCanaryOptions {
  readonly rule: CanaryRule;
  /** Of certman. */
  readonly namespace: string;
  /** Called for each certificate, for metrics. */
  readonly onOutcome?: (outcome: CanaryOutcome) => void;
  /** Called when a canary ends, for the log. */
  readonly onDecided?: (issuer: string, state: 'accepted' | 'refused', why: string) => void;
  readonly now?: () => number;
}

/** A certificate that is about to replace the one in a Secret. */
export interface CanaryCandidate extends Pick<InstallCertificateInput, 'cluster' | 'request' | 'skipCanary'> {
  readonly chainPem: string;
  /** What the Secret holds now. */
  readonly target: TlsSecret;
}

/** So long, an accepted issuer is not looked up again: after that, a person who refuses it is obeyed. */
const ACCEPTED_TTL_MS = 60_000;
const MAX_ACCEPTED = 64;
const MAX_CLUSTERS_SHOWN = 3;

/** Decides whether a certificate may be installed, by what the management cluster has of its issuer. */
export class IssuerCanary {
  readonly #options: IssuerCanaryOptions;
  readonly #accepted = new LoadingCache<boolean>({ max: MAX_ACCEPTED, ttlMs: ACCEPTED_TTL_MS });
  readonly #now: () => number;

  constructor(options: IssuerCanaryOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /**
   * Returns when the certificate may be installed; call the result once it is.
   * @throws CertmanError `certificate/waitsForCanary` with the end of the canary, `certificate/issuerRefused`,
   * `configuration/invalid` without the ConfigMap of the issuers, `kubernetes/…`.
   */
  async admit(kubernetes: KubernetesApi, candidate: CanaryCandidate): Promise<() => Promise<void>> {
    const { rule, onOutcome } = this.#options;
    const chain = decodeCertificates(candidate.chainPem);
    if (rule.clusters === 0 || chain === undefined) return doNothing;
    const path = issuingPathOf(chain);
    if (this.#isExempt(candidate)) {
      onOutcome?.('exempt');
      return doNothing;
    }
    const store = new IssuerRecordStore(kubernetes, this.#options.namespace);
    if (await this.#isAccepted(store, path)) {
      onOutcome?.('known');
      return doNothing;
    }
    const { verdict, current } = await this.#decide(kubernetes, store, path, candidate);
    switch (verdict.kind) {
      case 'install':
      case 'takePlace':
      case 'accept': {
        const isCanary = verdict.kind === 'takePlace' || (verdict.kind === 'install' && current?.state === 'canary');
        onOutcome?.(isCanary ? 'canary' : 'known');
        return isCanary ? () => this.#recordInstalled(store, path, candidate) : doNothing;
      }
      case 'wait':
        onOutcome?.('waiting');
        throw waitsError(path, current, verdict.until, rule);
      case 'refuse':
      case 'refused':
        onOutcome?.('refused');
        throw refusedError(path, verdict.why);
    }
  }

  /** What is to be protected is a certificate that serves now, and still will at the end of the wait. */
  #isExempt({ target, skipCanary }: CanaryCandidate): boolean {
    if (skipCanary === true || target.kind !== 'valid') return true;
    const end = this.#now() + this.#options.rule.periodMs;
    return expiryLevel(target.certificate, end) !== 'far';
  }

  async #isAccepted(store: IssuerRecordStore, { id }: IssuingPath): Promise<boolean> {
    const isAccepted = async (): Promise<boolean> => (await store.read()).get(id)?.state === 'accepted';
    // Only what is accepted is remembered: all else has to be looked at anew.
    return await this.#accepted.get(id, isAccepted, (accepted) => (accepted ? ACCEPTED_TTL_MS : 1));
  }

  async #decide(
    kubernetes: KubernetesApi,
    store: IssuerRecordStore,
    path: IssuingPath,
    candidate: CanaryCandidate,
  ): Promise<Decision> {
    const decision = await store.update(path.id, async (found): Promise<Decision> => {
      const now = this.#now();
      const observed = found && (await observeCanary(kubernetes, found));
      const current = observed?.record;
      const verdict = this.#hadItBefore(path, candidate, found)
        ? ({ kind: 'accept', why: 'A cluster had a certificate of it before.' } as const)
        : canaryVerdict(current, candidate.cluster.uid, this.#options.rule, observed?.evidence ?? {}, now);
      return { verdict, current, record: recordAfter(verdict, current, path.name, placeOf(candidate, now), now) };
    });
    const { record } = decision;
    if (record !== undefined && record.state !== 'canary')
      this.#options.onDecided?.(path.name, record.state, record.why ?? '');
    return decision;
  }

  /**
   * Whether this cluster shows that the fleet knows the issuer: its present certificate came along the same path before the
   * canary began. Not a standalone request, into whose Secret its users can put any chain.
   */
  #hadItBefore(path: IssuingPath, { cluster, target }: CanaryCandidate, found: IssuerRecord | undefined): boolean {
    if (cluster.kind !== undefined || target.kind !== 'valid') return false;
    if (found !== undefined && found.state !== 'canary') return false;
    if (found?.places.some(({ uid }) => uid === cluster.uid) === true) return false;
    const chain = decodeCertificates(target.chainPem) ?? [];
    const [leaf] = chain;
    if (leaf === undefined || issuingPathOf(chain).id !== path.id || !isFromSameIssuer(leaf, chain)) return false;
    return found === undefined || leaf.validFromDate.getTime() < Date.parse(found.since);
  }

  async #recordInstalled(
    store: IssuerRecordStore,
    { id }: IssuingPath,
    { cluster, chainPem }: CanaryCandidate,
  ): Promise<void> {
    const installedAt = new Date(this.#now()).toISOString();
    const [leaf] = decodeCertificates(chainPem) ?? [];
    const serialNumber = leaf && serialNumberOf(leaf);
    await store.update(id, (found) => {
      const place = found?.places.find(({ uid }) => uid === cluster.uid);
      if (found === undefined || place === undefined || place.installedAt !== undefined) return {};
      const places = found.places.map((one) => (one === place ? { ...place, installedAt, serialNumber } : one));
      return { record: { ...found, places } };
    });
  }
}

/** A verdict, what it was made of, and what is written. */
interface Decision {
  readonly verdict: CanaryVerdict;
  readonly current: IssuerRecord | undefined;
  readonly record?: IssuerRecord | undefined;
}

async function doNothing(): Promise<void> {
  // The issuer is known, or nothing is at risk.
}

function placeOf({ cluster, request }: CanaryCandidate, now: number): CanaryPlace {
  const { namespace, name, uid } = request;
  const takenAt = new Date(now).toISOString();
  return {
    cluster: `${cluster.namespace}/${cluster.name}`,
    uid: cluster.uid,
    request: { namespace, name, uid },
    takenAt,
  };
}

function waitsError(
  { name }: IssuingPath,
  record: IssuerRecord | undefined,
  until: number,
  { clusters, periodMs }: CanaryRule,
): CertmanError {
  const places = record?.places ?? [];
  const shown = places.slice(0, MAX_CLUSTERS_SHOWN).map(({ cluster }) => cluster);
  const more = places.length > shown.length ? ` and ${places.length - shown.length} more` : '';
  const count = record === undefined ? 0 : installedCount(record);
  const end = record && canaryEnd(record, periodMs);
  const instant = new Date(until).toISOString();
  const next =
    end === undefined
      ? `None of them has it yet; this is looked at again at ${instant}.`
      : `If they keep it, it is installed here after ${instant}.`;
  return new CertmanError({
    code: 'certificate/waitsForCanary',
    message: `The certificate is issued and waits for the canary of its issuer ${name}, which is new to this fleet: installed on ${count} of ${counted(clusters, 'cluster')} (${shown.join(', ')}${more}).`,
    remedy: `${next} The certificate in use stays until then. See them: certman canary.`,
    notBefore: new Date(until),
  });
}

function refusedError({ name }: IssuingPath, why: string): CertmanError {
  return new CertmanError({
    code: 'certificate/issuerRefused',
    message: `The certificate is issued, but its issuer ${name} was refused for this fleet: ${why}`,
    remedy: `The certificate in use stays until it nears its expiry. To have it installed all the same: certman canary accept "${name}".`,
  });
}
