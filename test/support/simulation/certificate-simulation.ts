/**
 * Simulates years of one certificate in virtual time: renewal policy, exact-set limit and retry schedule, called as the workflow
 * calls them, against a CA and resources that follow a scenario. Records a trace.
 */
import type { CertificateFacts, SecretObservation } from '../../../src/certificates/certificate-facts.ts';
import { nameSetDigest } from '../../../src/certificates/digest.ts';
import { lifetimeOf, plannedRenewal, type RenewalTerms } from '../../../src/certificates/planned-renewal.ts';
import { nextAction, type OrderCause } from '../../../src/certificates/renewal-policy.ts';
import type { RenewalWindow } from '../../../src/certificates/renewal-window.ts';
import { nextAttemptAt } from '../../../src/certificates/retry-schedule.ts';
import type { FailureInfo } from '../../../src/failures/failure.ts';
import {
  type ExactSet,
  orderAllowedAt,
  type RateLimitState,
  recordIssuance,
} from '../../../src/rate-limit/exact-set-limit.ts';
import { certificateWithLifetime, NOT_BEFORE } from '../certificates/certificate-facts.ts';
import { failureOf, limitReached } from './order-failures.ts';
import type { CaTrouble, Disturbance, Scenario, TraceEntry } from './scenario.ts';

/** Attempts are rarely closer than this; more evaluations than that mean a loop. */
const MIN_INTERVAL_MS = 15_000;
const MAX_EVALUATIONS_AT_ONCE = 1_000;

/** The workflow is signalled about all other disturbances at once. */
const NOT_SIGNALED: ReadonlySet<Disturbance['kind']> = new Set(['caTroubled', 'caWell', 'clockSkewed']);

/** Runs a scenario. */
export function simulate(scenario: Scenario): readonly TraceEntry[] {
  return new Simulation(scenario).run();
}

class Simulation {
  readonly #scenario: Scenario;
  readonly #trace: TraceEntry[] = [];
  #at = NOT_BEFORE;
  #skew = 0;
  #evaluations = 0;
  #serial = 0;

  // Resources and CA.
  #secret: SecretObservation = { kind: 'missing' };
  #dnsNames: readonly string[] = ['api.c1.example.com'];
  #caHost = 'ca-0.example';
  #trouble: CaTrouble | undefined;
  #replaced: CertificateFacts | undefined;

  // State of the workflow.
  #issuedBy: string | undefined;
  #window: RenewalWindow | undefined;
  #revoked = false;
  #renewRequested = false;
  #rateLimitState: RateLimitState = [];
  #failure: FailureInfo | undefined;
  #failedNames: readonly string[] = [];
  #failedCaHost: string | undefined;
  #failedAttempts = 0;

  constructor(scenario: Scenario) {
    this.#scenario = scenario;
  }

  run(): readonly TraceEntry[] {
    let wake = this.#evaluate();
    for (const { after, what } of this.#scenario.disturbances) {
      wake = this.#sleepUntil(this.#at + after, wake);
      this.#disturb(what);
      if (!NOT_SIGNALED.has(what.kind)) wake = this.#evaluate();
    }
    this.#sleepUntil(this.#at + this.#scenario.quietMs, wake);
    return this.#trace;
  }

  get #clock(): number {
    return this.#at + this.#skew;
  }

  /** Advances the time to `end`, with every evaluation before it. @returns the true time of the next one. */
  #sleepUntil(end: number, firstWake: number): number {
    let wake = firstWake;
    while (wake < end) {
      this.#at = wake;
      wake = this.#evaluate();
    }
    this.#at = end;
    return wake;
  }

  #disturb(what: Disturbance): void {
    const inUse = this.#secret.kind === 'valid' ? this.#secret.certificate : undefined;
    let window: RenewalWindow | undefined;
    switch (what.kind) {
      case 'secretDeleted':
        this.#secret = { kind: 'missing' };
        break;
      case 'secretBroken':
        this.#secret = { kind: 'broken', message: 'tls.crt is no certificate' };
        break;
      case 'keySwapped':
        this.#secret = { kind: 'broken', message: 'tls.key is for another certificate', keyMismatch: true };
        break;
      case 'nameAdded':
        this.#dnsNames = [...this.#dnsNames, `n${this.#dnsNames.length}.c1.example.com`];
        break;
      case 'revoked':
        this.#revoked = inUse !== undefined;
        break;
      case 'environmentChanged':
        this.#caHost = this.#caHost === 'ca-0.example' ? 'ca-1.example' : 'ca-0.example';
        break;
      case 'renewRequested':
        this.#renewRequested = true;
        break;
      case 'caWell':
        this.#trouble = undefined;
        break;
      case 'caTroubled':
        this.#trouble = what.trouble;
        break;
      case 'clockSkewed':
        this.#skew = what.skewMs;
        break;
      case 'windowMoved': {
        const certId = (what.of === 'current' ? inUse : this.#replaced)?.certId;
        if (certId !== undefined) window = this.#windowOf(certId, what.from, what.to);
        this.#window = window ?? this.#window;
        break;
      }
      case 'nothing':
        break;
    }
    this.#trace.push({ kind: 'disturbed', ...this.#now(), what, ...(window === undefined ? {} : { window }) });
  }

  #windowOf(certId: string, from: number, to: number): RenewalWindow {
    const instant = (offset: number) => new Date(this.#at + offset).toISOString();
    return { certId, start: instant(from), end: instant(to) };
  }

  /** Like the workflow's evaluation: orders if necessary and allowed. @returns the true time of the next evaluation. */
  #evaluate(): number {
    this.#evaluations += 1;
    if (this.#evaluations > MAX_EVALUATIONS_AT_ONCE + (this.#at - NOT_BEFORE) / MIN_INTERVAL_MS) {
      throw new Error(`evaluated ${this.#evaluations} times by ${new Date(this.#at).toISOString()}: a loop`);
    }
    const action = nextAction({
      secret: this.#secret,
      dnsNames: this.#dnsNames,
      caHost: this.#caHost,
      revoked: this.#revoked,
      renewRequested: this.#renewRequested,
      ...(this.#issuedBy === undefined ? {} : { issuedByCaHost: this.#issuedBy }),
      ...this.#terms(),
    });
    if (action.kind === 'sleep') {
      this.#failure = undefined;
      this.#failedAttempts = 0;
      this.#trace.push({ kind: 'settled', ...this.#now(), until: action.until, certificate: action.certificate });
      return this.#trueTimeOf(action.until);
    }
    const notBefore = this.#notBefore();
    if (notBefore !== undefined) return this.#wait(notBefore);
    const lifetime = this.#secret.kind === 'valid' ? lifetimeOf(this.#secret.certificate) : undefined;
    const allowed = orderAllowedAt(this.#rateLimitState, this.#exactSet(), lifetime, this.#clock);
    if (allowed > this.#clock) return this.#fail(limitReached(allowed));
    return this.#trouble === undefined ? this.#issue(action) : this.#fail(failureOf(this.#trouble, this.#clock));
  }

  #exactSet(): Required<ExactSet> {
    return { nameSet: nameSetDigest(this.#dnsNames), caHost: this.#caHost };
  }

  /** The end of the CA's Retry-After. One for other names or of another CA does not apply. */
  #notBefore(): number | undefined {
    const notBefore = this.#failure?.notBefore;
    if (notBefore === undefined || this.#failedNames !== this.#dnsNames || this.#failedCaHost !== this.#caHost)
      return undefined;
    const until = Date.parse(notBefore);
    return until > this.#clock ? until : undefined;
  }

  #wait(until: number): number {
    this.#renewRequested = false;
    const by = this.#failure?.code === 'rateLimit/exactSet' ? 'limit' : 'ca';
    this.#trace.push({ kind: 'held', ...this.#now(), until, by });
    return this.#trueTimeOf(until);
  }

  #issue({ reason }: OrderCause): number {
    this.#serial += 1;
    const replaced = this.#secret.kind === 'valid' ? this.#secret.certificate : undefined;
    const certificate = certificateWithLifetime(this.#scenario.lifetimeMs, {
      serialNumber: String(this.#serial),
      certId: `aki.${this.#serial}`,
      notBefore: new Date(this.#at).toISOString(),
      dnsNames: this.#dnsNames,
    });
    this.#rateLimitState = recordIssuance(this.#rateLimitState, this.#exactSet(), lifetimeOf(certificate), this.#clock);
    this.#replaced = replaced ?? this.#replaced;
    this.#secret = { kind: 'valid', certificate };
    this.#issuedBy = this.#caHost;
    this.#revoked = false;
    this.#renewRequested = false;
    this.#failure = undefined;
    this.#failedAttempts = 0;
    this.#trace.push({ kind: 'issued', ...this.#now(), reason, replaced, certificate, ...this.#exactSet() });
    return this.#trueTimeOf(plannedRenewal(certificate, this.#terms()).at);
  }

  #fail(failure: FailureInfo): number {
    this.#renewRequested = false;
    this.#failedAttempts += 1;
    this.#failure = failure;
    this.#failedNames = this.#dnsNames;
    this.#failedCaHost = this.#caHost;
    const inUse = this.#secret.kind === 'valid' ? this.#secret.certificate : undefined;
    const until = nextAttemptAt(failure, this.#failedAttempts, this.#clock, this.#scenario.jitterKey, inUse);
    if (failure.code === 'rateLimit/exactSet') this.#trace.push({ kind: 'held', ...this.#now(), until, by: 'limit' });
    else this.#trace.push({ kind: 'failed', ...this.#now(), until, byRetryAfter: failure.notBefore !== undefined });
    return this.#trueTimeOf(until);
  }

  #terms(): RenewalTerms {
    const { renewBeforeDays, policy, jitterKey } = this.#scenario;
    return {
      jitterKey,
      policy,
      now: this.#clock,
      ...(renewBeforeDays === undefined ? {} : { renewBeforeDays }),
      ...(this.#window === undefined ? {} : { suggestedWindow: this.#window }),
    };
  }

  #now() {
    return { at: this.#at, clock: this.#clock };
  }

  /** A timer runs for the remaining time by the clock at its start, even if the clock is changed meanwhile. */
  #trueTimeOf(until: number): number {
    return this.#at + Math.max(1, until - this.#clock);
  }
}
