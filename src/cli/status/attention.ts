/** Which clusters of a large fleet a table on a terminal shows: those that need attention. Pure. */
import { CertAlso, CertExpiry, CertReason, CertRenewAt, CertState } from '../../contract/search-attributes.ts';
import type { FleetReport, FleetRow } from './status-view.ts';

/** A table of a fleet with no more clusters shows all of them. */
export const MAX_WHOLE_TABLE = 100;

/** Reasons of a certificate in use that waits for its renewal: of the workflow, and of the condition `Ready`. */
export const REASONS_AT_REST: ReadonlySet<string | undefined> = new Set([undefined, 'Ready', 'Issued']);

/** Whether it is not Ready, has expired, or something is due, postponed or requested. @param now epoch milliseconds. */
export function needsAttention({ state, reason, notAfter, renewalTime, also = [] }: FleetRow, now: number): boolean {
  if (also.length > 0 || state !== 'Ready' || !REASONS_AT_REST.has(reason)) return true;
  const isLater = (instant = '') => Date.parse(instant) > now;
  return !isLater(renewalTime ?? notAfter) || (notAfter !== undefined && !isLater(notAfter));
}

/** The same as a condition of a visibility query. A comparison with what is missing is never true in SQL. */
export function attentionCondition(now: number): string {
  const at = new Date(now).toISOString();
  const isMissing = [CertState, CertReason, CertRenewAt, CertExpiry].map(({ name }) => `${name} IS NULL`);
  const isOther = [CertState, CertReason].map(({ name }) => `${name} != 'Ready'`);
  const isOver = [CertRenewAt, CertExpiry].map(({ name }) => `${name} <= '${at}'`);
  return `(${[...isMissing, ...isOther, ...isOver, `${CertAlso.name} IS NOT NULL`].join(' OR ')})`;
}

/** The opposite as a condition: whether a comparison is false for what is missing depends on the store. */
export function restCondition(now: number): string {
  const at = new Date(now).toISOString();
  const isReady = [CertState, CertReason].map(({ name }) => `${name} = 'Ready'`);
  const isLater = [CertRenewAt, CertExpiry].map(({ name }) => `${name} > '${at}'`);
  return `(${[...isReady, ...isLater, `${CertAlso.name} IS NULL`].join(' AND ')})`;
}

/** Whether that condition is true of a cluster. */
export function isCountedAtRest({ state, reason, notAfter, renewalTime, also = [] }: FleetRow, now: number): boolean {
  const isLater = (instant = '') => Date.parse(instant) > now;
  return state === 'Ready' && reason === 'Ready' && isLater(renewalTime) && isLater(notAfter) && also.length === 0;
}

/** The report as a table on a terminal shows it: of a large fleet, without the clusters at rest, which are counted. */
export function withoutThoseAtRest(report: FleetReport, now: number): FleetReport {
  const { clusters } = report;
  if (report.atRest !== undefined || clusters.length <= MAX_WHOLE_TABLE) return report;
  const shown = clusters.filter((row) => needsAttention(row, now));
  return { ...report, clusters: shown, atRest: clusters.length - shown.length };
}
