/** What has changed between two reports of a fleet, in the words of Kubernetes' watch events. Pure. */
import type { FleetReport, FleetRow } from './status-view.ts';

/** What is compared of a report. */
export type FleetSnapshot = Pick<FleetReport, 'source' | 'clusters'>;

/** One change of a cluster. */
export interface FleetChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: FleetRow;
}

/**
 * In the order of `after`; what is gone comes last. Temporal and the resources state some fields differently: between reports
 * from both, only another state or expiry is a change. @param before absent: everything is added.
 */
export function fleetChanges(before: FleetSnapshot | undefined, after: FleetSnapshot): readonly FleetChange[] {
  const known = new Map((before?.clusters ?? []).map((row) => [row.cluster, row]));
  const changes: FleetChange[] = [];
  const digest = before?.source === after.source ? whole : essence;
  for (const object of after.clusters) {
    const earlier = known.get(object.cluster);
    known.delete(object.cluster);
    if (earlier === undefined) changes.push({ type: 'ADDED', object });
    else if (digest(earlier) !== digest(object)) changes.push({ type: 'MODIFIED', object });
  }
  return [...changes, ...[...known.values()].map((object) => ({ type: 'DELETED' as const, object }))];
}

function whole(row: FleetRow): string {
  return JSON.stringify(row);
}

/** The resources have instants in seconds. */
function essence({ state, notAfter }: FleetRow): string {
  return `${state} ${notAfter?.slice(0, 19)}`;
}
