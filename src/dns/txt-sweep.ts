/** Removes TXT records that nothing else removes: their worker was killed, or their workflow is gone. */
import type { TxtRecord } from '../certificates/dns-name.ts';
import { CertmanError, type FailureCode, type FailureInfo } from '../failures/failure.ts';
import { pause } from '../kubernetes/api/backoff.ts';
import { findOwnRecords, type OwnerTags } from './leftover-records.ts';
import type { DnsProvider, DnsTarget, ZoneRecords } from './provider.ts';

/** From one request to the next: most of what a DNS service allows is left to orders, other workers and other programs. */
const REQUEST_INTERVAL_MS = 1_000;
/** Of one zone: 300,000 record sets in pages of 300. Also ends a listing that pages in circles. */
const MAX_PAGES = 1_000;
const FIRST_RETRY_MS = 2_000;
const MAX_RETRY_MS = 60_000;

/** Attempts at a request that ends with a failure that passes. While orders keep the service busy, it waits for about an hour. */
const MAX_ATTEMPTS: Readonly<Partial<Record<FailureCode, number>>> = {
  'dns/throttled': 5,
  'dns/unreachable': 5,
  'dns/queued': 60,
};

/** What other credentials may be answered otherwise. */
const OF_CREDENTIALS: ReadonlySet<FailureCode> = new Set(['dns/accessDenied', 'dns/zoneNotFound']);

/** The challenge zone, for no cluster. */
export function challengeZoneTarget(zoneName: string): DnsTarget {
  const platform = { kind: 'unsupported', found: 'none' } as const;
  return { namespace: '', clusterName: '', zoneName, platform, isChallengeZone: true };
}

/** What a sweep did with a zone. */
export type SweptZone = { readonly zoneName: string } & (
  | {
      readonly outcome: 'swept';
      /** What was removed, or would be with `dryRun`: values and their owner tags. */
      readonly removed: readonly TxtRecord[];
      /** Values of certman's own that orders in progress may need. */
      readonly inUse: number;
    }
  /** The zone does not exist any more, and so its records. */
  | { readonly outcome: 'gone' }
  | { readonly outcome: 'failed'; readonly failure: FailureInfo }
);

/** What a sweep needs. */
export interface TxtSweepOptions {
  readonly dns: Pick<DnsProvider, 'listRecords'>;
  readonly tags: OwnerTags;
  readonly signal: AbortSignal;
  /** Removes nothing. */
  readonly dryRun?: boolean;
  readonly requestIntervalMs?: number | undefined;
  /** From one look-up of a zone and its credentials to the next, for each target; default 0. */
  readonly lookUpIntervalMs?: number | undefined;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

/**
 * Sweeps the zones of the targets, one after the other, each once. Whatever is not provably of an order that is over stays.
 * @returns a result for each zone when it is known; none for a service that lists no records.
 */
export async function* sweepZones(targets: Iterable<DnsTarget>, options: TxtSweepOptions): AsyncGenerator<SweptZone> {
  const swept = new Set<string>();
  const sweep = new TxtSweep(options);
  for (const target of targets) {
    options.signal.throwIfAborted();
    const { zoneName } = target;
    let zone: ZoneRecords | undefined;
    try {
      zone = await sweep.find(target);
      if (zone === undefined || swept.has(zone.zoneId)) continue;
      swept.add(zone.zoneId);
      yield { zoneName, outcome: 'swept', ...(await sweep.run(zone)) };
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof CertmanError)) throw error;
      // Its DNSZone may name a zone that is another's, whose credentials reach it.
      if (zone !== undefined && OF_CREDENTIALS.has(error.code)) swept.delete(zone.zoneId);
      if (error.code === 'dns/zoneNotFound') yield { zoneName, outcome: 'gone' };
      else if (error.code !== 'dns/platformUnsupported') yield { zoneName, outcome: 'failed', failure: error.info };
    }
  }
}

class TxtSweep {
  readonly #options: TxtSweepOptions;
  readonly #lookUpIntervalMs: number;

  constructor(options: TxtSweepOptions) {
    this.#options = options;
    this.#lookUpIntervalMs = options.lookUpIntervalMs ?? 0;
  }

  async find(target: DnsTarget): Promise<ZoneRecords | undefined> {
    const { dns, signal } = this.#options;
    await pause(this.#lookUpIntervalMs, signal);
    return await this.#patiently(async () => await dns.listRecords?.(target, signal));
  }

  async run(zone: ZoneRecords): Promise<{ readonly removed: readonly TxtRecord[]; readonly inUse: number }> {
    const { tags, signal, dryRun = false, requestIntervalMs = REQUEST_INTERVAL_MS, now = Date.now } = this.#options;
    const removed: TxtRecord[] = [];
    let inUse = 0;
    for (let at: string | undefined, pages = 1; ; pages++) {
      // The pause of the look-up counts.
      await pause(pages === 1 ? Math.max(0, requestIntervalMs - this.#lookUpIntervalMs) : requestIntervalMs, signal);
      const { records, next } = await this.#patiently(() => zone.page(at));
      const own = findOwnRecords(records, tags, now());
      removed.push(...own.leftover);
      inUse += own.inUse;
      if (next === undefined || pages === MAX_PAGES) break;
      at = next;
    }
    if (removed.length > 0 && !dryRun) {
      await pause(requestIntervalMs, signal);
      await this.#patiently(() => zone.withdraw(removed));
    }
    return { removed, inUse };
  }

  async #patiently<T>(request: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt++) {
      try {
        return await request();
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof CertmanError) || attempt >= (MAX_ATTEMPTS[error.code] ?? 1)) throw error;
        const stated = Date.parse(error.info.notBefore ?? '') - Date.now();
        const backoff = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** (attempt - 1));
        await pause(Math.min(MAX_RETRY_MS, Number.isNaN(stated) ? backoff : Math.max(stated, backoff)), signal);
      }
    }
  }
}
