/**
 * Certificates that their CA has revoked (RFC 5280 §5), for the whole fleet: one sweep that fetches each list once for all
 * certificates that name it, and tells only those clusters whose certificate is on it. Lists come over plain HTTP, so one that
 * names a certificate is believed only when that certificate's own CA has signed it, by the chain in its Secret; that is the
 * one request to Kubernetes, and at rest there is none.
 */
import { identityOf } from '../../src/clusters/what-to-signal.ts';
import { CertmanError } from '../../src/failures/failure.ts';
import { pause } from '../../src/kubernetes/backoff.ts';
import type { KubernetesApi } from '../../src/kubernetes/kubernetes-api.ts';
import { readTlsSecret } from '../../src/kubernetes/secrets.ts';
import type { RevocationListOutcome } from '../../src/observability/metrics.ts';
import { intervalAfter, intervalAfterTrouble, SHORTEST_INTERVAL_MS } from '../../src/revocation/list-interval.ts';
import type { ListSource } from '../../src/revocation/list-source.ts';
import type { RevocationList } from '../../src/revocation/revocation-list.ts';
import { type CertificateInUse, certificatesInUse } from './certificates-in-use.ts';
import type { WatchLogger, WatchSettings } from './dependencies.ts';
import { type KnownFleet, keyOf } from './known-fleet.ts';
import { LookSchedule } from './look-schedule.ts';
import { RecentlyTold } from './recently-told.ts';
import type { Signals } from './signals.ts';
import { tellInTurn } from './tell-in-turn.ts';
import type { WorkByKey } from './work-by-key.ts';

/** How often it is looked whose time has come. */
const ROUND_MS = 5_000;

/** One list at a time, since each may be large, and no more than five a second: a hundred take half a minute after a take-over. */
const EACH_MS = 200;
const MOST_A_ROUND = 500;

/** A workflow that was told and has not replaced its certificate by then is told again: perhaps it was not running, and never heard. */
const SHOWN_WITHIN_MS = 3_600_000;

/** A list, and the certificates that would be on it. */
interface PublishedList {
  readonly url: string;
  readonly certificates: CertificateInUse[];
}

export interface RevokedCertificatesOptions {
  readonly lists: Pick<ListSource, 'fetch'>;
  readonly kubernetes: KubernetesApi;
  readonly settings: WatchSettings;
  readonly fleet: KnownFleet;
  readonly signals: Signals;
  readonly work: WorkByKey;
  readonly logger: WatchLogger;
  readonly signal: AbortSignal;
  readonly onFetched: (outcome: RevocationListOutcome) => void;
  /** Told of each revoked certificate that a cluster was told of. */
  readonly onRevoked: () => void;
}

export class RevokedCertificates {
  readonly #options: RevokedCertificatesOptions;
  readonly #schedule = new LookSchedule<PublishedList>(({ url }) => url);
  /** Serial number of the certificate that was told of, by CertificateRequest. */
  readonly #told = new RecentlyTold<string>(SHOWN_WITHIN_MS);

  constructor(options: RevokedCertificatesOptions) {
    this.#options = options;
  }

  /** Until the signal, whose reason it throws. */
  async run(): Promise<never> {
    const { signal } = this.#options;
    for (;;) {
      await pause(ROUND_MS, signal);
      await this.#round(this.#schedule.due(this.#published(), Date.now(), MOST_A_ROUND));
    }
  }

  #published(): Iterable<PublishedList> {
    const lists = new Map<string, PublishedList>();
    for (const certificate of certificatesInUse(this.#options.fleet, Date.now())) {
      const { crlUrl: url } = certificate.request;
      if (url === undefined) continue;
      const list = lists.get(url) ?? { url, certificates: [] };
      list.certificates.push(certificate);
      lists.set(url, list);
    }
    return lists.values();
  }

  async #round(due: readonly PublishedList[]): Promise<void> {
    /** When the hosts that did not answer are asked again. */
    const away = new Map<string, number>();
    for (const published of due) {
      const { host } = new URL(published.url);
      const next = away.get(host);
      if (next !== undefined) {
        this.#schedule.postponed(published.url, next);
        continue;
      }
      const failure = await this.#look(published);
      if (failure !== undefined) away.set(host, this.#troubleWith(published.url, failure));
      await pause(EACH_MS, this.#options.signal);
    }
  }

  /** @returns why there was no answer from where the list is, or from where it has to be confirmed. */
  async #look({ url, certificates }: PublishedList): Promise<CertmanError | undefined> {
    const { lists, signal, logger, onFetched } = this.#options;
    try {
      const { list, maxAgeMs } = await lists.fetch(url, signal);
      const refuted = await this.#tellOf(list, { url, certificates });
      onFetched(refuted ? 'untrusted' : isOutdated(list) ? 'outdated' : 'fetched');
      this.#schedule.answered(url, Date.now() + intervalAfter(maxAgeMs, Math.random()));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      if (error.code !== 'revocation/unusable') return error;
      onFetched('unusable');
      logger.warn({ url, problem: error.message }, 'A list of revoked certificates cannot be used');
      this.#schedule.postponed(url, Date.now() + SHORTEST_INTERVAL_MS);
    }
    return undefined;
  }

  /** @returns epoch milliseconds of the next look. */
  #troubleWith(url: string, { code, message, info }: CertmanError): number {
    const { logger, onFetched } = this.#options;
    if (code === 'revocation/unreachable') onFetched('unreachable');
    const told = info.notBefore === undefined ? undefined : Date.parse(info.notBefore) - Date.now();
    const waitMs = intervalAfterTrouble(told, Math.random());
    logger.warn(
      { url, code, problem: message, next: info.next, retryInMs: Math.round(waitMs) },
      'A list of revoked certificates could not be looked at',
    );
    const next = Date.now() + waitMs;
    this.#schedule.postponed(url, next);
    return next;
  }

  /** @returns whether it names a certificate of a CA that has not signed it. */
  async #tellOf(list: RevocationList, { url, certificates }: PublishedList): Promise<boolean> {
    const revoked = list.revokedAmong(certificates.map(({ request }) => request.serialNumber ?? ''));
    let refuted = false;
    for (const certificate of certificates) {
      const { request } = certificate;
      const { serialNumber } = request;
      if (serialNumber === undefined || !revoked.has(serialNumber)) continue;
      if (this.#told.of(keyOf(request), Date.now()) === serialNumber) continue;
      const chainPem = await this.#chainOf(certificate);
      // Replaced meanwhile, or not there: what is in the Secret is the workflow's business, and known to it.
      if (chainPem === undefined) continue;
      if (list.isOfIssuerOf(chainPem)) await this.#tell(certificate, serialNumber, url);
      else {
        refuted = true;
        this.#options.logger.warn(
          { request: keyOf(request), serialNumber, url },
          'A list names a certificate as revoked, but the CA of that certificate has not signed it; nothing is done',
        );
      }
    }
    return refuted;
  }

  /** What the Secret holds, while it is this certificate. */
  async #chainOf({ request }: CertificateInUse): Promise<string | undefined> {
    const { kubernetes, signal } = this.#options;
    const { namespace, secretName: name, serialNumber } = request;
    const secret = await readTlsSecret(kubernetes, { namespace, name }, signal);
    return secret.kind === 'valid' && secret.certificate.serialNumber === serialNumber ? secret.chainPem : undefined;
  }

  async #tell({ request, cluster, bundleName }: CertificateInUse, serialNumber: string, url: string): Promise<void> {
    const { signals, logger, settings, onRevoked } = this.#options;
    const fields = { bundle: bundleName, serialNumber, url };
    const refusal = { message: 'A cluster could not be told of its revoked certificate', fields };
    await tellInTurn(this.#options, cluster, refusal, async () => {
      await signals.revoked(identityOf(settings.hive, cluster), bundleName, serialNumber);
      this.#told.add(keyOf(request), serialNumber, Date.now());
      onRevoked();
      logger.warn({ cluster: keyOf(cluster), ...fields }, 'The CA has revoked a certificate; it is replaced');
    });
  }
}

/** What is on it is revoked for good, but more may be revoked by now. */
function isOutdated({ nextUpdate }: RevocationList): boolean {
  return nextUpdate !== undefined && nextUpdate.getTime() <= Date.now();
}
