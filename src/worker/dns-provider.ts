import type { Configuration } from '../configuration/load-configuration.ts';
import type { DnsProviderOptions } from '../dns/provider.ts';
import { PlatformProvider } from '../dns/registry.ts';
import { VERSION } from '../version.ts';

/** The settings of DNS services. */
export type DnsServiceSettings = Pick<
  Configuration,
  | 'namespace'
  | 'dnsBatchWindowMs'
  | 'fedramp'
  | 'hostedZoneId'
  | 'fedrampStandaloneRequests'
  | 'route53RequestsPerSecond'
  | 'ambientAwsCredentials'
  | 'challengeZoneId'
  | 'challengeZoneSecret'
  | 'googleDnsRequestsPerSecond'
  | 'azureDnsRequestsPerSecond'
>;

/** The DNS services, by the settings. */
export function createDnsProvider(
  settings: DnsServiceSettings,
  options: Pick<DnsProviderOptions, 'kubernetes' | 'needsNameServers' | 'onRequest' | 'onFailure'>,
): PlatformProvider {
  const { fedramp, hostedZoneId, fedrampStandaloneRequests: standaloneRequests } = settings;
  const fedrampZone = fedramp && hostedZoneId !== undefined ? { hostedZoneId, standaloneRequests } : undefined;
  const userAgent = `certman/${VERSION}`;
  return new PlatformProvider({
    ...options,
    operatorNamespace: settings.namespace,
    batchWindowMs: settings.dnsBatchWindowMs,
    platform: fedrampZone && 'aws',
    settings: {
      route53: {
        requestsPerSecond: settings.route53RequestsPerSecond,
        fedramp: fedrampZone,
        ambientCredentials: settings.ambientAwsCredentials,
        challengeZone: { hostedZoneId: settings.challengeZoneId, credentialsSecret: settings.challengeZoneSecret },
      },
      google: { requestsPerSecond: settings.googleDnsRequestsPerSecond, userAgent },
      azure: { requestsPerSecond: settings.azureDnsRequestsPerSecond, userAgent },
    },
  });
}
