/** TXT records that certman published and that no order can need any more. Pure. */
import type { TxtRecord } from '../certificates/dns-name.ts';

/** Who wrote a value, by the owner tags beside it: src/acme/owner-tag.ts. */
export interface OwnerTags {
  /** @returns undefined for a value that is no tag of this certman. */
  readOwnerTag(name: string, text: string): OwnerTag | undefined;
}

interface OwnerTag {
  /** Epoch milliseconds. */
  readonly expiresAt: number;
  proves(value: string): boolean;
}

/** What is certman's own among the records of a zone. */
export interface OwnRecords {
  /** To be withdrawn: values, each with its tags, and tags alone. */
  readonly leftover: readonly TxtRecord[];
  /** Values that orders in progress may need, on whichever worker or management cluster. */
  readonly inUse: number;
}

/** For clocks that differ. */
const GRACE_MS = 3_600_000;

/**
 * Finds certman's own records. A value counts as its own by a tag that proves it, and as in use until the last of these has
 * expired: every other value is left as it is.
 * @param records all values of each of their names. @param now epoch milliseconds.
 */
export function findOwnRecords(records: readonly TxtRecord[], tags: OwnerTags, now: number): OwnRecords {
  const leftover: TxtRecord[] = [];
  let inUse = 0;
  for (const [name, ofName] of Map.groupBy(records, (record) => record.name)) {
    const read = ofName.map((record) => ({ record, tag: tags.readOwnerTag(name, record.value) }));
    const tagged = read.flatMap(({ record, tag }) => (tag === undefined ? [] : [{ record, tag }]));
    const values = read.flatMap(({ record, tag }) => (tag === undefined ? [record] : []));
    const isOver = ({ tag }: (typeof tagged)[number]): boolean => tag.expiresAt + GRACE_MS < now;
    const over = new Set(tagged.filter(isOver).map(({ record }) => record));
    for (const value of values) {
      const own = tagged.filter(({ tag }) => tag.proves(value.value));
      if (own.length === 0) continue;
      if (own.every(isOver)) over.add(value);
      else inUse += 1;
    }
    // In the order of the zone: a withdrawal that names a whole set as it is costs no read.
    leftover.push(...ofName.filter((record) => over.has(record)));
  }
  return { leftover, inUse };
}
