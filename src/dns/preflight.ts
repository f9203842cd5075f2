import { CertmanError } from '../failures/failure.ts';
import { abortable } from '../network/abortable.ts';
import { TimeLimit } from '../network/time-limit.ts';
import type { CaaApplicant } from './caa.ts';
import { checkCaa } from './caa-check.ts';
import { checkDelegation } from './delegation-check.ts';
import { createDohConnections, dohExchange } from './doh-resolver.ts';
import { agreedFinding, type Finding } from './finding.ts';
import type { ZoneDelegation } from './provider.ts';
import { cachedView, type PublicView } from './public-dns.ts';

/** A resolver that is slow holds up an order for no longer. */
const MAX_DURATION_MS = 8_000;
const TIMEOUT_MS = 3_000;

/** Where the preflight looks. */
export interface PreflightOptions {
  /** URLs of DoH resolvers (RFC 8484), at least one, which validate DNSSEC. */
  readonly resolvers: readonly string[];
  /** PEM certificates that the resolvers are trusted by; absent: Node's own. */
  readonly resolverCa?: string;
  /** Of the whole check; default eight seconds. */
  readonly maxDurationMs?: number;
}

/** What would be ordered. */
export interface PreflightRequest {
  readonly dnsNames: readonly string[];
  /** The zone of the TXT records; absent where it is not known. */
  readonly zone?: ZoneDelegation;
  /** Absent: the CA does not say by which names CAA records allow it. */
  readonly applicant?: CaaApplicant;
}

/**
 * Checks in public DNS what would make the CA refuse an order: the zone's delegation, DNSSEC and CAA records. Only what every
 * resolver that answers agrees on is definite. Answers are cached by their TTL, for a minute at most.
 */
export class Preflight {
  readonly #connections: ReturnType<typeof createDohConnections>;
  readonly #views: readonly PublicView[];
  readonly #maxDurationMs: number;

  constructor({ resolvers, resolverCa, maxDurationMs = MAX_DURATION_MS }: PreflightOptions) {
    this.#connections = createDohConnections({ ca: resolverCa, timeoutMs: TIMEOUT_MS });
    this.#views = resolvers.map((url) => cachedView(dohExchange(url, this.#connections, TIMEOUT_MS)));
    this.#maxDurationMs = maxDurationMs;
  }

  /**
   * @returns what could not be decided, which the CA decides.
   * @throws CertmanError `dns/notDelegated`, `dns/dnssecBroken`, `dns/caaForbids`; the signal's reason.
   */
  async check(request: PreflightRequest, signal: AbortSignal): Promise<readonly string[]> {
    const findings = await this.findings(request, signal);
    const refused = findings.filter((finding) => finding.kind === 'refused');
    const [first] = refused;
    if (first !== undefined) {
      const { code, message, remedy } = first.refusal;
      const more = new Set(refused.map(({ refusal }) => refusal.message)).size - 1;
      throw new CertmanError({
        code,
        message: `Nothing was ordered. ${message}${more > 0 ? ` The preflight found ${more} more.` : ''}`,
        remedy: `${remedy ?? ''} The next attempt follows by the retry schedule; \`certman renew\` makes it now.`,
      });
    }
    return [...new Set(findings.flatMap((finding) => (finding.kind === 'undecided' ? [finding.why] : [])))];
  }

  /** What is found of the zone, then of each name. @throws the signal's reason. */
  async findings({ dnsNames, zone, applicant }: PreflightRequest, signal: AbortSignal): Promise<readonly Finding[]> {
    const checks = [
      ...(zone === undefined ? [] : [(view: PublicView) => checkDelegation(view, zone)]),
      ...(applicant === undefined ? [] : dnsNames.map((name) => (view: PublicView) => checkCaa(view, name, applicant))),
    ];
    return await this.#inTime(Promise.all(checks.map((check) => agreedFinding(this.#views, check))), signal);
  }

  async close(): Promise<void> {
    await this.#connections.destroy();
  }

  async #inTime(findings: Promise<readonly Finding[]>, signal: AbortSignal): Promise<readonly Finding[]> {
    const limit = new TimeLimit(this.#maxDurationMs, signal);
    try {
      return await abortable(findings, limit.signal);
    } catch (error) {
      if (signal.aborted || !limit.signal.aborted) throw error;
      return [{ kind: 'undecided', why: `the resolvers took longer than ${this.#maxDurationMs} ms` }];
    } finally {
      limit.end();
    }
  }
}
