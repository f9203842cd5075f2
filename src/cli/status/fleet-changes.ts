/** What has changed between two reports of a fleet, in the words of Kubernetes' watch events. Pure. */
import type { FleetRow } from './status-view.ts';

/** One change of a cluster. */
export interface FleetChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: FleetRow;
}

/** In the order of `after`; what is gone comes last. @param before absent: everything is added. */
export function fleetChanges(
  before: readonly FleetRow[] | undefined,
  after: readonly FleetRow[],
): readonly FleetChange[] {
  const known = new Map((before ?? []).map((row) => [row.cluster, row]));
  const changes: FleetChange[] = [];
  for (const object of after) {
    const earlier = known.get(object.cluster);
    known.delete(object.cluster);
    if (earlier === undefined) changes.push({ type: 'ADDED', object });
    else if (JSON.stringify(earlier) !== JSON.stringify(object)) changes.push({ type: 'MODIFIED', object });
  }
  return [...changes, ...[...known.values()].map((object) => ({ type: 'DELETED' as const, object }))];
}
