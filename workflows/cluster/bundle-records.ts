/** The story of each bundle so far, as it is carried from run to run. */

import type { BundleView } from '../../src/clusters/cluster-view.ts';
import type { BundleRecord } from '../../src/contract/bundle-record.ts';
import type { CarriedState } from '../../src/contract/cluster-certificates.ts';
import type { RateLimitState } from '../../src/rate-limit/exact-set-limit.ts';

/** `undefined` values take a field away. */
export type RecordChange = { readonly [Field in keyof BundleRecord]?: BundleRecord[Field] | undefined };

/** Bundles without a record of which it is remembered what they used of the limit on exact sets of names. */
const MAX_FORGOTTEN_BUNDLES = 10;

/** Takes away all that is known of attempts that failed, and of what they left to go on with. */
export const NO_FAILURE = {
  failure: undefined,
  failedAt: undefined,
  failedCaHost: undefined,
  failedAttempts: 0,
  nextAttempt: undefined,
  openOrder: undefined,
} as const satisfies RecordChange;

export class BundleRecords {
  readonly #records: Map<string, BundleRecord>;
  /** Last forgotten last. */
  readonly #allowances: Map<string, RateLimitState>;

  constructor({ bundles = {}, rateLimitState = {} }: Partial<Pick<CarriedState, 'bundles' | 'rateLimitState'>> = {}) {
    this.#records = new Map(Object.entries(bundles));
    this.#allowances = new Map(Object.entries(rateLimitState));
  }

  names(): readonly string[] {
    return [...this.#records.keys()];
  }

  get(name: string): BundleRecord | undefined {
    return this.#records.get(name);
  }

  /** @param before what the bundle's record is so far. */
  update(name: string, before: BundleRecord, change: RecordChange): BundleRecord {
    const merged: Record<string, unknown> = { ...before, ...change };
    if (change.state !== undefined && change.state !== before.state) merged['since'] = now();
    for (const key of Object.keys(merged)) if (merged[key] === undefined) delete merged[key];
    const after = merged as unknown as BundleRecord;
    this.#records.set(name, after);
    this.#allowances.delete(name);
    return after;
  }

  /** All but what it used of the limit on exact sets of names: a bundle that is put back again and again must not pass it. */
  forget(name: string): void {
    const { rateLimitState } = this.#records.get(name) ?? {};
    this.#records.delete(name);
    if (rateLimitState === undefined) return;
    this.#allowances.set(name, rateLimitState);
    for (const oldest of [...this.#allowances.keys()].slice(0, -MAX_FORGOTTEN_BUNDLES)) this.#allowances.delete(oldest);
  }

  /** What a bundle that has no record used of the limit; undefined: nothing is known. */
  rateLimitStateOf(name: string): RateLimitState | undefined {
    return this.#allowances.get(name);
  }

  /** What of the records a fresh run goes on with. */
  toCarriedState(): Pick<CarriedState, 'bundles' | 'rateLimitState'> {
    const used = [...this.#allowances].filter(([, sets]) =>
      sets.some(({ theoreticalArrival }) => Date.parse(theoreticalArrival) > Date.now()),
    );
    return { bundles: this.byName(), ...(used.length === 0 ? {} : { rateLimitState: Object.fromEntries(used) }) };
  }

  values(): readonly BundleRecord[] {
    return [...this.#records.values()];
  }

  byName(): Readonly<Record<string, BundleRecord>> {
    return Object.fromEntries(this.#records);
  }
}

/** Of a bundle that nothing has been done for. @param bundle undefined: it is not asked for. */
export function blankRecord(requestName: string, bundle: BundleView | undefined): BundleRecord {
  return {
    state: 'Pending',
    message: 'Seen; nothing has been done yet.',
    since: now(),
    secretName: bundle?.secretName ?? '',
    requestName,
    dnsNames: bundle?.names.kind === 'valid' ? bundle.names.dnsNames : [],
    failedAttempts: 0,
    orders: 0,
    issued: [],
  };
}

function now(): string {
  return new Date(Date.now()).toISOString();
}
