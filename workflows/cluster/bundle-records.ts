/** The story of each bundle so far, as it is carried from run to run. */
import type { BundleView } from '../../src/clusters/cluster-view.ts';
import type { BundleRecord } from '../contract.ts';

/** `undefined` values take a field away. */
export type RecordChange = { readonly [Field in keyof BundleRecord]?: BundleRecord[Field] | undefined };

export class BundleRecords {
  readonly #records: Map<string, BundleRecord>;

  constructor(carried: Readonly<Record<string, BundleRecord>>) {
    this.#records = new Map(Object.entries(carried));
  }

  names(): readonly string[] {
    return [...this.#records.keys()];
  }

  get(name: string): BundleRecord | undefined {
    return this.#records.get(name);
  }

  /** @param before what the bundle's record is so far. */
  change(name: string, before: BundleRecord, change: RecordChange): BundleRecord {
    const merged: Record<string, unknown> = { ...before, ...change };
    if (change.state !== undefined && change.state !== before.state) merged['since'] = now();
    for (const key of Object.keys(merged)) if (merged[key] === undefined) delete merged[key];
    const after = merged as unknown as BundleRecord;
    this.#records.set(name, after);
    return after;
  }

  forget(name: string): void {
    this.#records.delete(name);
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
