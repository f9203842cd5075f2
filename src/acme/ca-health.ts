import { CertmanError } from '../failures/failure.ts';
import { AcmeProblemError } from './problems.ts';

/** So many failures in a row, beside the time: one request that was cut is no outage. */
const MIN_FAILURES = 3;
/** The last one of so long ago says nothing about now. A CA may ask for a pause of hours. */
const FORGET_AFTER_MS = 6 * 3_600_000;
/** During an outage, one order in so long is tried at the CA: its success ends the outage. */
const PROBE_INTERVAL_MS = 60_000;
/** A certificate that is about to expire waits for a tenth of the time only. */
const URGENT_SHARE = 1 / 10;
/** After a chain of the CA was refused, its next one is tried so much later. */
const UNTRUSTED_MS = 24 * 3_600_000;

/** Requests that no certificate needs: their failures say nothing about orders. */
const OTHER_RESOURCES = new Set(['renewalInfo', 'revokeCert', 'account', 'newAccount', 'keyChange']);

/** A sustained failure of a CA. Instants are epoch milliseconds. */
export interface CaOutage {
  readonly since: number;
  readonly failures: number;
  /** The last failure. */
  readonly message: string;
}

interface Failing extends CaOutage {
  readonly last: number;
}

/** When a CA counts as failing. */
export interface CaHealthOptions {
  /** Milliseconds for which it must have failed. */
  readonly failoverAfterMs: number;
  /** Called with every change, for metrics. */
  readonly onChange?: (isUp: boolean) => void;
}

/**
 * How a CA answers, by the requests that this process makes anyway. Only what concerns every order counts as a failure: no
 * answer, 5xx, and 403 without a reason that has to do with the account or a name (a stop of all issuance). A kind of request
 * that fails while others succeed counts too: a CA that does not sign still takes orders.
 */
export class CaHealth {
  readonly #options: CaHealthOptions;
  /** By resource. */
  readonly #failing = new Map<string, Failing>();
  #isUp = true;
  #nextProbe = 0;
  #untrusted: { readonly until: number; readonly why: string } | undefined;

  constructor(options: CaHealthOptions) {
    this.#options = options;
  }

  /** @param resource an `AcmeResource`, or `directory`. */
  succeeded(resource: string): void {
    if (this.#failing.delete(resource)) this.#update();
  }

  /** Any failure of a request; one by which the CA does answer counts as a success. */
  failed(resource: string, error: unknown, now = Date.now()): void {
    if (!(error instanceof CertmanError) || OTHER_RESOURCES.has(resource)) return;
    if (!isCaFailure(error)) return this.succeeded(resource);
    const before = this.#failing.get(resource);
    const known = before !== undefined && now - before.last < FORGET_AFTER_MS ? before : undefined;
    this.#failing.set(resource, {
      since: known?.since ?? now,
      failures: (known?.failures ?? 0) + 1,
      message: error.message,
      last: now,
    });
    this.#update(now);
  }

  /** The sustained failure; undefined: there is none. @param urgent for a certificate that is about to expire. */
  outage({ urgent = false, now = Date.now() } = {}): CaOutage | undefined {
    const { failoverAfterMs } = this.#options;
    const minMs = urgent ? failoverAfterMs * URGENT_SHARE : failoverAfterMs;
    return [...this.#failing.values()].find(
      ({ since, failures, last }) => failures >= MIN_FAILURES && last - since >= minMs && now - last < FORGET_AFTER_MS,
    );
  }

  /** Whether an order is to be tried at the CA in spite of its outage. One caller in a minute gets true. */
  takeProbe(now = Date.now()): boolean {
    if (now < this.#nextProbe) return false;
    this.#nextProbe = now + PROBE_INTERVAL_MS;
    return true;
  }

  /** Clients of the clusters do not trust its certificates: the chain gate has refused one. */
  refuseChain(why: string, now = Date.now()): void {
    this.#untrusted = { until: now + UNTRUSTED_MS, why };
  }

  /** Why the chain of its last certificate was refused; undefined: it was not, or a day ago. */
  untrusted(now = Date.now()): string | undefined {
    return this.#untrusted !== undefined && now < this.#untrusted.until ? this.#untrusted.why : undefined;
  }

  #update(now = Date.now()): void {
    const isUp = this.outage({ now }) === undefined;
    if (isUp === this.#isUp) return;
    this.#isUp = isUp;
    // The first probe waits, too: the CA has just failed.
    this.#nextProbe = now + PROBE_INTERVAL_MS;
    this.#options.onChange?.(isUp);
  }
}

/** Whether a failure concerns every order, and no single account, name or limit. */
export function isCaFailure(error: unknown): error is CertmanError {
  if (!(error instanceof CertmanError)) return false;
  if (error.code === 'acme/unreachable') return true;
  if (!(error instanceof AcmeProblemError)) return error.code === 'acme/serverError';
  // badNonce has the same code.
  if (error.code === 'acme/serverError') return error.status >= 500;
  return error.status === 403 && error.code === 'acme/unexpected';
}
