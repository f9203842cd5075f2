/** Why a renewal that is due waits: CamelCase, as the reason of the condition `Renewing`. */
export const POSTPONEMENT_REASONS = ['OutsideWindow', 'Frozen', 'InvalidWindows', 'RestartBudget'] as const;

/** One of {@link POSTPONEMENT_REASONS}. */
export type PostponementReason = (typeof POSTPONEMENT_REASONS)[number];

/** A renewal that is due, and waits. Instants are RFC 3339. */
export interface Postponement {
  readonly reason: PostponementReason;
  /** When the renewal was due. */
  readonly plannedTime: string;
  readonly until: string;
  /** What it waits for, as a clause: `no renewal window is open (next: weeknights)`. */
  readonly message: string;
}

/** For people: that the renewal waits, and why. */
export function postponementMessage({ plannedTime, message }: Postponement): string {
  return `due at ${plannedTime}, postponed, since ${message}`;
}

/** The Event of a renewal that is postponed, or postponed to another instant. */
export function postponementEvent({ until, ...postponement }: Postponement): {
  readonly type: 'Normal';
  readonly reason: 'RenewalPostponed';
  readonly message: string;
} {
  const message = `The renewal was ${postponementMessage({ until, ...postponement })}. It starts at ${until}.`;
  return { type: 'Normal', reason: 'RenewalPostponed', message };
}
