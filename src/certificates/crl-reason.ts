/** Why a certificate is revoked. Pure. */

/** CRLReason of RFC 5280 §5.3.1: those that a subscriber may state to Let's Encrypt. */
export const CRL_REASONS = { unspecified: 0, keyCompromise: 1, superseded: 4, cessationOfOperation: 5 } as const;

/** Its name in RFC 5280. */
export type CrlReasonName = keyof typeof CRL_REASONS;

/** Its number. */
export type CrlReason = (typeof CRL_REASONS)[CrlReasonName];

const NUMBERS: ReadonlySet<unknown> = new Set(Object.values(CRL_REASONS));

/** Whether it is one of the numbers. */
export function isCrlReason(value: unknown): value is CrlReason {
  return NUMBERS.has(value);
}

/** The name of a number. */
export function crlReasonName(reason: CrlReason): CrlReasonName {
  for (const [name, number] of Object.entries(CRL_REASONS)) if (number === reason) return name as CrlReasonName;
  return 'unspecified';
}
