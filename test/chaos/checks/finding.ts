/** What a check found that should not be. */

export type FindingKind =
  /** A certificate that is not where it belongs, or serves nobody there; or one that the CA issued and nobody ever got. */
  | 'lost'
  /** Work that is not done and that nothing will get done. */
  | 'stuck'
  /** Something that should have been taken away. */
  | 'leftover'
  /** An order that became no certificate, and no kill explains it. */
  | 'wastedOrder'
  /** A certificate that nothing asked for. */
  | 'issuedTwice';

export interface Finding {
  readonly kind: FindingKind;
  /** In words: what, where, and what was expected. */
  readonly what: string;
}
