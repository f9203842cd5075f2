/** What can happen to a certificate over the years, and what is written down of it. */
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { OrderReason } from '../../../src/certificates/renewal-policy.ts';
import type { RenewalWindow } from '../../../src/certificates/renewal-window.ts';

/** What the CA does with an order: nothing at all, a refusal, or a refusal that says when to come again. */
export type CaTrouble = 'away' | 'refuses' | { readonly retryAfterMs: number };

export type Disturbance =
  | { readonly kind: 'nothing' | 'secretDeleted' | 'secretBroken' | 'keySwapped' | 'nameAdded' | 'revoked' }
  | { readonly kind: 'environmentChanged' | 'renewRequested' | 'caWell' }
  | { readonly kind: 'caTroubled'; readonly trouble: CaTrouble }
  | { readonly kind: 'clockSkewed'; readonly skewMs: number }
  /** A window of the certificate in use, or of the one before it, from and to so many milliseconds from now. */
  | { readonly kind: 'windowMoved'; readonly of: 'current' | 'replaced'; readonly from: number; readonly to: number };

export interface Scenario {
  readonly lifetimeMs: number;
  readonly renewBeforeDays?: number;
  readonly jitterKey: string;
  /** Each so many milliseconds after the one before it. */
  readonly disturbances: readonly { readonly after: number; readonly what: Disturbance }[];
  /** How long it goes on after the last of them. */
  readonly quietMs: number;
}

/** `at` is the true time, `clock` what the worker takes it for; both epoch milliseconds. */
interface TraceTimestamps {
  readonly at: number;
  readonly clock: number;
}

export interface Issued extends TraceTimestamps {
  readonly kind: 'issued';
  readonly reason: OrderReason;
  readonly replaced: CertificateFacts | undefined;
  readonly certificate: CertificateFacts;
  readonly nameSet: string;
  /** Host of the directory of the CA that issued it. */
  readonly caHost: string | undefined;
}

export type TraceEntry =
  | Issued
  | (TraceTimestamps & { readonly kind: 'disturbed'; readonly what: Disturbance; readonly window?: RenewalWindow })
  /** The CA did not issue; tried again at `until`, by the clock, which the CA named where it is `told`. */
  | (TraceTimestamps & { readonly kind: 'failed'; readonly until: number; readonly told: boolean })
  /** Nothing may be ordered before `until`, by the clock. */
  | (TraceTimestamps & { readonly kind: 'held'; readonly until: number; readonly by: 'limit' | 'ca' })
  /** Promised to be renewed at `until`, by the clock. */
  | (TraceTimestamps & { readonly kind: 'settled'; readonly until: number; readonly certificate: CertificateFacts });
