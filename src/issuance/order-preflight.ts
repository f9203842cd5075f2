import type { Preflight } from '../dns/preflight.ts';
import type { DnsProvider, ZoneDelegation } from '../dns/provider.ts';
import { inZone, type RecordZone } from '../dns/record-zone.ts';
import { CertmanError, isFailure } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import type { AttemptContext, PlannedOrder, PreflightStep } from './context.ts';

const MAX_LOGGED_LENGTH = 500;

/** How a preflight ended. */
export type PreflightOutcome = 'passed' | 'undecided' | 'refused';

/** What a preflight is made of. */
export interface OrderPreflightDeps {
  readonly dns: Pick<DnsProvider, 'delegation'>;
  readonly preflight: Pick<Preflight, 'check'>;
  readonly onOutcome?: (outcome: PreflightOutcome) => void;
}

/** Checks, before an order is spent, what would make it fail. */
export class OrderPreflight implements PreflightStep {
  readonly #deps: OrderPreflightDeps;

  constructor(deps: OrderPreflightDeps) {
    this.#deps = deps;
  }

  /**
   * What cannot be decided is logged, and left to the CA.
   * @throws CertmanError `dns/notDelegated`, `dns/dnssecBroken`, `dns/caaForbids`; what is wrong with the zone or its
   *   credentials, which the publication would find too.
   */
  async require(order: PlannedOrder, { signal, log }: Pick<AttemptContext, 'signal' | 'log'>): Promise<void> {
    const { onOutcome } = this.#deps;
    const { dnsNames } = order;
    try {
      const undecided = await this.#check(order, signal, false).catch((error: unknown) => {
        if (!isFailure(error, 'dns/notDelegated')) throw error;
        // What is kept of the zone may be of before it was deleted and created again.
        return this.#check(order, signal, true);
      });
      onOutcome?.(undecided.length === 0 ? 'passed' : 'undecided');
      if (undecided.length === 0) return;
      const why = oneLine(undecided.join('; '), MAX_LOGGED_LENGTH);
      log.info('The preflight cannot decide everything; the CA decides', { dnsNames, problems: why });
    } catch (error) {
      if (error instanceof CertmanError && error.info.retry === 'onChange') onOutcome?.('refused');
      throw error;
    }
  }

  /** @param anew also what is kept of the zones is looked up. @returns what could not be decided. */
  async #check({ ca, dnsNames, zones }: PlannedOrder, signal: AbortSignal, anew: boolean): Promise<readonly string[]> {
    const { preflight } = this.#deps;
    const looked = await Promise.all(zones.map((zone) => this.#lookUp(zone, signal, anew)));
    const [zone, ...others] = looked.flatMap((one) => one.zone ?? []);
    const problems = looked.flatMap((one) => one.problem ?? []);
    const identities = (await ca.directory()).meta?.caaIdentities ?? [];
    const accountUrl = ca.session.account.url;
    const applicant = identities.length === 0 ? undefined : { identities, accountUrl, method: 'dns-01' };
    const requests = [{ dnsNames, zone, applicant }, ...others.map((other) => ({ dnsNames: [], zone: other }))];
    const notes = await Promise.all(requests.map((request) => preflight.check(request, signal)));
    return [...problems, ...notes.flat()];
  }

  /** @throws CertmanError for what lasts until something is corrected. */
  async #lookUp(
    zone: RecordZone,
    signal: AbortSignal,
    anew: boolean,
  ): Promise<{ readonly zone?: ZoneDelegation; readonly problem?: string }> {
    try {
      const found = await inZone(zone, () => this.#deps.dns.delegation(zone.target, signal, anew));
      return found === undefined ? {} : { zone: found };
    } catch (error) {
      if (error instanceof CertmanError && error.info.retry !== 'onChange') return { problem: error.message };
      throw error;
    }
  }
}
