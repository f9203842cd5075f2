/** Scenarios of a certificate over years, and the trace of a simulation. */
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { RenewalPolicy } from '../../../src/certificates/planned-renewal.ts';
import type { OrderReason } from '../../../src/certificates/renewal-policy.ts';
import type { RenewalWindow } from '../../../src/certificates/renewal-window.ts';

/** How the CA handles an order: unavailable, rejects it, or rejects it with Retry-After. */
export type CaTrouble = 'away' | 'refuses' | { readonly retryAfterMs: number };

export type Disturbance =
  | { readonly kind: 'nothing' | 'secretDeleted' | 'secretBroken' | 'keySwapped' | 'nameAdded' | 'revoked' }
  | { readonly kind: 'environmentChanged' | 'renewRequested' | 'caWell' }
  | { readonly kind: 'caTroubled'; readonly trouble: CaTrouble }
  | { readonly kind: 'clockSkewed'; readonly skewMs: number }
  /** Renewal window of the current or the previous certificate; `from` and `to` in milliseconds from now. */
  | { readonly kind: 'windowMoved'; readonly of: 'current' | 'replaced'; readonly from: number; readonly to: number };

export interface Scenario {
  readonly lifetimeMs: number;
  readonly renewBeforeDays?: number;
  readonly policy?: RenewalPolicy;
  readonly jitterKey: string;
  /** `after`: milliseconds since the previous disturbance. */
  readonly disturbances: readonly { readonly after: number; readonly what: Disturbance }[];
  /** Milliseconds after the last disturbance. */
  readonly quietMs: number;
}

/** `at` is the true time, `clock` the worker's clock; both in epoch milliseconds. */
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
  /** The CA did not issue; the next attempt is at `until` by the clock, set by the CA if `byRetryAfter`. */
  | (TraceTimestamps & { readonly kind: 'failed'; readonly until: number; readonly byRetryAfter: boolean })
  /** Nothing may be ordered before `until`, by the clock. */
  | (TraceTimestamps & { readonly kind: 'held'; readonly until: number; readonly by: 'limit' | 'ca' })
  /** The renewal is planned for `until`, by the clock. */
  | (TraceTimestamps & { readonly kind: 'settled'; readonly until: number; readonly certificate: CertificateFacts });
