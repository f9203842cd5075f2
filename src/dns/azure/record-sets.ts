import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { maxEntries } from '../../cache/max-entries.ts';
import type { TxtRecord } from '../../certificates/dns-name.ts';
import { CertmanError, type FailureCode, withOutcomeUnknown } from '../../failures/failure.ts';
import { TXT_TTL_SECONDS, type TxtRequest } from '../zone-changes/change-batch.ts';
import type { AzureDnsApi, TxtSet } from './api.ts';

/** Record sets of one request that are changed at once. */
const MAX_AT_ONCE = 4;

/** Writes of one record set while another program changes it. */
const MAX_ATTEMPTS = 7;
const CONFLICT_RETRY_MS = 5_000;

/** How long a record set is assumed to be as it was left: an order publishes and withdraws within minutes. */
const REMEMBERED = { ...maxEntries(10_000), ttl: 15 * 60_000 };

/** Answers by which Azure has changed nothing. After any other the set may be changed. */
const NOTHING_DONE: ReadonlySet<FailureCode> = new Set([
  'dns/accessDenied',
  'dns/changeRefused',
  'dns/queued',
  'dns/throttled',
  'dns/zoneNotFound',
]);

const ABSENT: TxtSet = { set: {}, values: [] };

/**
 * Changes the TXT record sets of Azure DNS, which has no change of several: each by a write of its own that Azure refuses
 * when the set is no longer as it is assumed to be. A right assumption costs one request, a wrong one two more.
 */
export class RecordSets {
  readonly #remembered = new LRUCache<string, TxtSet>(REMEMBERED);

  /**
   * Stops before the next record set when it is aborted.
   * @throws CertmanError with `outcomeUnknown` when values of some names are or may be in the zone.
   */
  async apply(api: AzureDnsApi, zoneId: string, request: TxtRequest, signal: AbortSignal): Promise<void> {
    const limit = pLimit(MAX_AT_ONCE);
    const byName = Map.groupBy(request.records, ({ name }) => name);
    let isBegun = false;
    const changed = await Promise.allSettled(
      [...byName].map(([name, records]) =>
        limit(async () => {
          signal.throwIfAborted();
          await this.#change(api, zoneId, name, { action: request.action, records }, () => {
            isBegun = true;
          });
        }),
      ),
    );
    const failed = changed.find((result) => result.status === 'rejected');
    if (failed === undefined) return;
    const error: unknown = failed.reason;
    throw isBegun && error instanceof CertmanError ? withOutcomeUnknown(error) : error;
  }

  /** @param onChanged called when the set was, or may have been, changed. */
  async #change(
    api: AzureDnsApi,
    zoneId: string,
    name: string,
    request: TxtRequest,
    onChanged: () => void,
  ): Promise<void> {
    const key = `${api.credentials.id} ${zoneId} ${name}`;
    const read = () => api.readTxtSet(zoneId, name, 'next');
    const assumed = this.#remembered.get(key) ?? (request.action === 'publish' ? ABSENT : undefined);
    let isRead = assumed === undefined;
    let before = assumed ?? (await api.readTxtSet(zoneId, name, 'read'));
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const after = edited(before, request);
      if (after === undefined && isRead) return;
      const written = after && (await this.#write(api, zoneId, name, before, after, onChanged));
      if (written !== undefined) {
        onChanged();
        this.#remembered.set(key, written);
        return;
      }
      this.#remembered.delete(key);
      before = await read();
      isRead = true;
    }
    throw new CertmanError({
      code: 'dns/throttled',
      message: `Another program keeps changing ${name}.`,
      remedy: 'It is retried in some seconds.',
      notBefore: new Date(Date.now() + CONFLICT_RETRY_MS),
    });
  }

  async #write(
    api: AzureDnsApi,
    zoneId: string,
    name: string,
    before: TxtSet,
    after: TxtSet,
    onChanged: () => void,
  ): Promise<TxtSet | undefined> {
    try {
      return await api.writeTxtSet(zoneId, name, before, after);
    } catch (error) {
      this.#remembered.delete(`${api.credentials.id} ${zoneId} ${name}`);
      if (!(error instanceof CertmanError && NOTHING_DONE.has(error.code))) onChanged();
      throw error;
    }
  }
}

/** The set after the request; undefined when it stays as it is. Values of others stay, and what Azure keeps beside them. */
function edited(before: TxtSet, { action, records }: TxtRequest): TxtSet | undefined {
  const values = new Set(before.values);
  for (const { value } of records as readonly TxtRecord[]) {
    if (action === 'publish') values.add(value);
    else values.delete(value);
  }
  if (values.size === before.values.length) return undefined;
  const ttl = Math.min(before.set.ttl ?? TXT_TTL_SECONDS, TXT_TTL_SECONDS);
  const set = action === 'publish' ? { ...before.set, ttl } : before.set;
  return { etag: before.etag, set, values: [...values] };
}
