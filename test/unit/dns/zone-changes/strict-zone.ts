/**
 * A zone that obeys the rules of ChangeResourceRecordSets: a batch is applied as a whole or not at all, CREATE needs absence,
 * DELETE needs exactly what is there.
 */
import type { TxtChange, TxtRecordSet, TxtRecordSets } from '../../../../src/dns/zone-changes/change-batch.ts';
import { ChangeRefusedError } from '../../../../src/dns/zone-changes/change-refused.ts';
import type { Precedence } from '../../../../src/dns/zone-changes/rate-limiter.ts';
import type { ZoneApi } from '../../../../src/dns/zone-changes/zone-batcher.ts';

/** @throws ChangeRefusedError in AWS's words. */
export function applyChanges(
  sets: TxtRecordSets,
  changes: readonly TxtChange[],
  reserved: ReadonlySet<string> = new Set(),
) {
  const after = new Map(sets);
  const complaints: string[] = [];
  for (const { action, set } of changes) {
    const there = after.get(set.name);
    const name = `[name='${set.name}.', type='TXT']`;
    if (action === 'DELETE') {
      if (there === undefined) complaints.push(`Tried to delete resource record set ${name} but it was not found`);
      else if (JSON.stringify(there) !== JSON.stringify(set)) {
        complaints.push(
          `Tried to delete resource record set ${name} but the values provided do not match the current values`,
        );
      }
      after.delete(set.name);
    } else {
      if (action === 'CREATE' && there !== undefined) {
        complaints.push(`Tried to create resource record set ${name} but it already exists`);
      }
      if (reserved.has(set.name)) {
        complaints.push(`RRSet of type TXT with DNS name ${set.name}. is not permitted as it conflicts with a CNAME`);
      }
      after.set(set.name, set);
    }
  }
  if (complaints.length > 0) throw new ChangeRefusedError(complaints[0] ?? '', complaints.join('\n'), undefined);
  return after;
}

export interface StrictZone extends ZoneApi {
  /** May be replaced. */
  readTxtSets: (
    names: Iterable<string>,
    precedence: Precedence,
    onRequest?: () => void,
  ) => Promise<ReadonlyMap<string, TxtRecordSet>>;
  readonly sets: Map<string, TxtRecordSet>;
  readonly calls: string[];
  /** The precedence that each call was made with. */
  readonly precedences: string[];
  /** Runs before the n-th change is applied; may throw in its place. */
  beforeChange: (n: number, changes: readonly TxtChange[]) => void | Promise<void>;
}

/** @param mute the refusal does not name the refused records, as AWS's does. */
export function strictZone(
  options: { readonly reserved?: readonly string[]; readonly mute?: boolean } = {},
): StrictZone {
  const reserved = new Set(options.reserved);
  let changed = 0;
  const zone: StrictZone = {
    sets: new Map(),
    calls: [],
    precedences: [],
    beforeChange: () => undefined,
    readTxtSets: (names, precedence, onRequest) => {
      onRequest?.();
      zone.calls.push('read');
      zone.precedences.push(precedence);
      const wanted = new Set(names);
      return Promise.resolve(new Map([...zone.sets].filter(([name]) => wanted.has(name))));
    },
    change: async (changes, precedence) => {
      zone.calls.push('change');
      zone.precedences.push(precedence);
      await zone.beforeChange(++changed, changes);
      try {
        const after = applyChanges(zone.sets, changes, reserved);
        zone.sets.clear();
        for (const [name, set] of after) zone.sets.set(name, set);
      } catch (error) {
        if (options.mute === true && error instanceof ChangeRefusedError) {
          throw new ChangeRefusedError('refused', 'refused', undefined);
        }
        throw error;
      }
      return { id: `C${changed}`, live: false, sentAt: changed };
    },
  };
  return zone;
}

/** The values of each name. */
export function contents({ sets }: Pick<StrictZone, 'sets'>): Record<string, readonly string[]> {
  return Object.fromEntries([...sets].map(([name, { values }]) => [name, values]));
}
