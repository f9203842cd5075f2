import type { CertificateState } from './status-report.ts';

const STATES_BY_URGENCY: readonly string[] = [
  'Failing',
  'Waiting',
  'Decommissioning',
  'Issuing',
  'Pending',
  'Renewing',
  'Paused',
  'Ready',
] satisfies readonly CertificateState[];

/** A certificate's state, and its expiry where there is a certificate (RFC 3339). */
export interface Urgency {
  /** A `CertificateState`; any other is most urgent. */
  readonly state: string;
  readonly notAfter?: string | undefined;
}

/** For `sort`, most urgent first: by state, then by expiry. Independent of locales, which differ between workers. */
export function compareUrgency(a: Urgency, b: Urgency): number {
  const byState = STATES_BY_URGENCY.indexOf(a.state) - STATES_BY_URGENCY.indexOf(b.state);
  return byState === 0 ? expiryOf(a) - expiryOf(b) : byState;
}

function expiryOf({ notAfter }: Urgency): number {
  const at = notAfter === undefined ? Number.NaN : Date.parse(notAfter);
  return Number.isNaN(at) ? 0 : at;
}
