import { identifierOf, persistentRecordName, uniqueRecords } from '../../src/certificates/dns-name.ts';
import type { PendingChallenge } from '../../src/contract/activities/acme.ts';
import type { SealedTxtRecord } from '../../src/contract/activities/txt-records.ts';

/** What an order does with records, by how long they stay. */
export interface RecordPlan {
  readonly publish: readonly SealedTxtRecord[];
  /** Withdrawn when the order fails. Not what orders before it published, which stays for the next attempt. */
  readonly withdrawIfFailed: readonly SealedTxtRecord[];
  /** Withdrawn when the order is complete, beside the challenges' records that do not stay. */
  readonly obsolete: readonly SealedTxtRecord[];
  /** In the zone once the order is complete. */
  readonly kept: readonly SealedTxtRecord[];
}

/** Of an order whose records are all withdrawn when it ends. */
export function withoutPersistence(challenges: readonly PendingChallenge[]): RecordPlan {
  const publish = uniqueRecords(challenges.map(({ record }) => record));
  return { publish, withdrawIfFailed: publish, obsolete: [], kept: [] };
}

/**
 * @param challenges of the names whose authorization is not valid already.
 * @param known what earlier orders left in the zone.
 */
export function planRecords(
  challenges: readonly PendingChallenge[],
  known: readonly SealedTxtRecord[],
  dnsNames: readonly string[],
): RecordPlan {
  const records = uniqueRecords(challenges.map(({ record }) => record));
  const persistent = records.filter((record) => record.persistent === true);
  const isKnown = (record: SealedTxtRecord): boolean => known.some((other) => isSameRecord(record, other));
  const ordered = new Set(dnsNames.map((name) => persistentRecordName(identifierOf(name))));
  const answered = new Set(challenges.map(({ identifier }) => persistentRecordName(identifierOf(identifier))));
  // Of a name that is not answered, a record is what its valid authorization rests on.
  const isObsolete = (record: SealedTxtRecord): boolean =>
    !ordered.has(record.name) ||
    (answered.has(record.name) && !persistent.some((other) => isSameRecord(record, other)));
  const obsolete = known.filter(isObsolete);
  return {
    publish: records.map((record) =>
      record.persistent === true && isKnown(record) ? { ...record, published: true } : record,
    ),
    withdrawIfFailed: records.filter((record) => !isKnown(record)),
    obsolete,
    kept: uniqueRecords([...known.filter((record) => !isObsolete(record)), ...persistent]),
  };
}

/** Whether two records are one in DNS. */
export function isSameRecord(one: SealedTxtRecord, other: SealedTxtRecord): boolean {
  const isSamePlace = one.at?.name === other.at?.name && one.at?.zoneName === other.at?.zoneName;
  return one.name === other.name && one.value === other.value && isSamePlace;
}
