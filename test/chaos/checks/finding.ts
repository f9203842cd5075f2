/** A violation that a check found. */

export type FindingKind =
  /** A certificate that is missing or unusable in its Secret, or that the CA issued and certman never installed. */
  | 'lost'
  /** Work that is not done and that nothing will complete. */
  | 'stuck'
  /** An object or record that should have been deleted. */
  | 'leftover'
  /** An order without a certificate, which no kill explains. */
  | 'wastedOrder'
  /** A certificate without a reason to order it. */
  | 'issuedTwice';

export interface Finding {
  readonly kind: FindingKind;
  /** What was found where, and what was expected. */
  readonly what: string;
}
