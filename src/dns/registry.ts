import { LoadingCache } from '../cache/loading-cache.ts';
import { isInZone, MAX_NAME_LENGTH, normalizeName, type TxtRecord } from '../certificates/dns-name.ts';
import type { PlatformView } from '../clusters/cluster-view.ts';
import { CertmanError } from '../failures/failure.ts';
import type { AzureDnsSettings } from './azure/provider.ts';
import type { GoogleDnsSettings } from './google/provider.ts';
import {
  type ChangeHandle,
  type DnsProvider,
  type DnsProviderOptions,
  type DnsTarget,
  type Publication,
  platformUnsupported,
  type ZoneDelegation,
  type ZoneRecords,
} from './provider.ts';
import type { Route53Settings } from './route53/provider.ts';
import { isWritableName } from './writable-name.ts';

/** Settings of single services. */
export interface DnsSettings {
  readonly route53: Route53Settings;
  readonly google: GoogleDnsSettings;
  readonly azure: AzureDnsSettings;
}

type DnsProviderFactory = (options: DnsProviderOptions, settings: DnsSettings) => Promise<DnsProvider>;

/** One line per service, by the platform whose zones it has. A service's SDK is loaded when a zone first needs it. */
const DNS_PROVIDERS: Readonly<Partial<Record<PlatformView['kind'], DnsProviderFactory>>> = {
  aws: async (options, { route53 }) => new (await import('./route53/provider.ts')).Route53Provider(options, route53),
  gcp: async (options, { google }) => new (await import('./google/provider.ts')).GoogleDnsProvider(options, google),
  azure: async (options, { azure }) => new (await import('./azure/provider.ts')).AzureDnsProvider(options, azure),
};

/** The platform whose service has the challenge zone, whatever platform the clusters are on. */
const CHALLENGE_ZONE_PLATFORM = 'aws';

/** Options of all services, and which service has which zones. */
export interface PlatformProviderOptions extends DnsProviderOptions {
  readonly settings: DnsSettings;
  /** The platform whose service has the zones of all clusters (FedRAMP); absent: each cluster's own. */
  readonly platform?: PlatformView['kind'];
}

/** Publishes the TXT records of each zone by the DNS service of its platform. */
export class PlatformProvider implements DnsProvider {
  readonly #options: PlatformProviderOptions;
  readonly #providers = new LoadingCache<DnsProvider>({ max: 10, ttlMs: Number.MAX_SAFE_INTEGER });

  constructor(options: PlatformProviderOptions) {
    this.#options = options;
  }

  /** @throws CertmanError `dns/nameOutsideZone`, `dns/platformUnsupported`, and what the provider throws. */
  async publish(
    target: DnsTarget,
    records: readonly TxtRecord[],
    signal: AbortSignal,
    waitingSince: number,
  ): Promise<Publication> {
    const normalized = records.map(normalizeRecord);
    for (const { name } of normalized) checkName(name, target);
    return (await this.#providerOf(target)).publish(target, normalized, signal, waitingSince);
  }

  async delegation(target: DnsTarget, signal: AbortSignal, anew?: boolean): Promise<ZoneDelegation | undefined> {
    return await (await this.#providerOf(target)).delegation(target, signal, anew);
  }

  async withdraw(target: DnsTarget, records: readonly TxtRecord[], signal: AbortSignal): Promise<void> {
    // What cannot be in the zone was never published there.
    const normalized = records.map(normalizeRecord).filter(({ name }) => nameProblem(name, target) === undefined);
    if (normalized.length === 0) return;
    try {
      await (await this.#providerOf(target)).withdraw(target, normalized, signal);
    } catch (error) {
      if (!(error instanceof CertmanError) || error.code !== 'dns/zoneNotFound') throw error;
    }
  }

  async listRecords(target: DnsTarget, signal: AbortSignal): Promise<ZoneRecords | undefined> {
    return await (await this.#providerOf(target)).listRecords?.(target, signal);
  }

  async awaitLive(target: DnsTarget, change: ChangeHandle, signal: AbortSignal): Promise<void> {
    await (await this.#providerOf(target)).awaitLive(target, change, signal);
  }

  #providerOf(target: DnsTarget): Promise<DnsProvider> {
    const kind =
      target.isChallengeZone === true ? CHALLENGE_ZONE_PLATFORM : (this.#options.platform ?? target.platform.kind);
    const create = DNS_PROVIDERS[kind];
    if (create === undefined) throw platformUnsupported(target, Object.keys(DNS_PROVIDERS));
    return this.#providers.get(kind, () => create(this.#options, this.#options.settings));
  }
}

function normalizeRecord({ name, value }: TxtRecord): TxtRecord {
  return { name: normalizeName(name), value };
}

function checkName(name: string, target: DnsTarget): void {
  const problem = nameProblem(name, target);
  if (problem === undefined) return;
  throw new CertmanError({
    code: 'dns/nameOutsideZone',
    message: `TXT record ${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))} cannot be put into zone ${target.zoneName}: ${problem}.`,
    remedy:
      target.kind === undefined
        ? 'Correct the domains of the ClusterDeployment, or its base domain.'
        : 'Correct spec.dnsNames of the CertificateRequest, or name the zone that they are in in spec.acmeDNSDomain.',
  });
}

function nameProblem(name: string, { zoneName }: DnsTarget): string | undefined {
  if (!isInZone(name, zoneName)) return 'it is outside of it';
  if (name.length > MAX_NAME_LENGTH) return `it has ${name.length} characters, more than ${MAX_NAME_LENGTH}`;
  return isWritableName(name) ? undefined : 'it is no valid name';
}
