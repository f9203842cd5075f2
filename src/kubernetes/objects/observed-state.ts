import { z } from 'zod';
import { SharedValues } from '../../cache/shared-values.ts';
import { conditionReason } from '../../certificates/status-messages.ts';
import { CERTIFICATE_STATES, type CertificateState } from '../../certificates/status-report.ts';
import { GATE_REASONS } from '../../clusters/gate.ts';
import { FAILURE_CODES } from '../../failures/failure.ts';

/** The state of a certificate by its status, for metrics: of values that certman writes only, whatever is there. */
export interface ObservedState {
  readonly state: CertificateState;
  /** Of the condition `Paused` where that is True, else of `Failing`: `NoFailure` while none is. `Other`: not certman's. */
  readonly reason: string;
}

const stateSchema = z.enum(CERTIFICATE_STATES);
const conditionSchema = z.object({ type: z.enum(['Failing', 'Paused']), status: z.string(), reason: z.string() });

const REASONS: ReadonlySet<string> = new Set([
  'NoFailure',
  'GateClosed',
  ...GATE_REASONS,
  ...FAILURE_CODES.map(conditionReason),
]);

const states = new SharedValues<ObservedState>();

/** Never fails. @returns undefined where the status has no state that certman writes. */
export function observedState(state: unknown, conditions: readonly unknown[]): ObservedState | undefined {
  const { data } = stateSchema.safeParse(state);
  if (data === undefined) return undefined;
  const found = conditions.flatMap((condition) => conditionSchema.safeParse(condition).data ?? []);
  const paused = found.find(({ type, status }) => type === 'Paused' && status === 'True');
  const reason = (paused ?? found.find(({ type }) => type === 'Failing'))?.reason ?? 'NoFailure';
  const known = { state: data, reason: REASONS.has(reason) ? reason : 'Other' };
  return states.get(`${known.state} ${known.reason}`, known);
}
