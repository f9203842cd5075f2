import { loadSettings } from '../../configuration/load-configuration.ts';
import { challengeZoneTarget, type SweptZone, sweepZones } from '../../dns/txt-sweep.ts';
import { counted } from '../../failures/counted.ts';
import { CA_SETTINGS, openCas } from '../../issuance/open-cas.ts';
import { createOperatorSettings } from '../../kubernetes/objects/operator-settings.ts';
import { listServedZones } from '../../kubernetes/objects/served-zones.ts';
import { VERSION } from '../../version.ts';
import { createDnsProvider } from '../../worker/dns-provider.ts';
import { UsageError } from '../arguments.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { formatOutput, formatTable, note, type OutputOptions, print } from '../output.ts';

/** Options of `certman dns sweep`. */
export interface SweepOptions extends KubeConnection, OutputOptions {
  readonly zone?: string;
  readonly zoneId?: string;
  readonly credentialsSecret?: string;
  readonly dryRun?: true;
}

/** What was swept, and removed or, with `dryRun`, to be removed. */
interface SweepResult {
  readonly dryRun: boolean;
  readonly zones: readonly SweptZone[];
}

/** Sweeps zones, and prints what was removed. The exit code is 1 when a zone could not be swept. @throws CertmanError */
export async function sweepDns(options: SweepOptions): Promise<void> {
  const { zone, zoneId, credentialsSecret, dryRun = false } = options;
  if (zone === undefined && (zoneId !== undefined || credentialsSecret !== undefined)) {
    throw new UsageError('--zone-id and --credentials-secret are of the zone that --zone names');
  }
  const settings = loadSettings(process.env, [
    ...CA_SETTINGS,
    'managementCluster',
    'extraRecord',
    'standaloneRequests',
    'dnsBatchWindowMs',
    'fedramp',
    'hostedZoneId',
    'fedrampStandaloneRequests',
    'route53RequestsPerSecond',
    'googleDnsRequestsPerSecond',
    'azureDnsRequestsPerSecond',
    'ambientAwsCredentials',
    'challengeZone',
    'challengeZoneId',
    'challengeZoneSecret',
  ]);
  const ofZone = zone === undefined ? {} : { challengeZoneId: zoneId };
  const secret = credentialsSecret === undefined ? {} : { challengeZoneSecret: credentialsSecret };
  const challengeZone = zone ?? settings.challengeZone;
  const zones = await withKubernetes(async (kubernetes) => {
    const account = createOperatorSettings({ kubernetes, operatorNamespace: settings.namespace });
    const cas = openCas({ kubernetes, settings: account, userAgent: `certman/${VERSION}` }, settings);
    const dns = createDnsProvider({ ...settings, ...ofZone, ...secret }, { kubernetes, needsNameServers: false });
    const targets = [
      ...(challengeZone === undefined ? [] : [challengeZoneTarget(challengeZone)]),
      ...(zone === undefined ? await listServedZones(kubernetes, settings) : []),
    ];
    const { signal } = new AbortController();
    const swept: SweptZone[] = [];
    try {
      const tags = await cas.seals();
      for await (const one of sweepZones(targets, { dns, tags, signal, dryRun })) {
        swept.push(one);
        note(`${one.zoneName}: ${describe(one, dryRun)}`);
      }
    } finally {
      await cas.close();
    }
    return swept;
  }, options);
  print(await formatOutput(options, { dryRun, zones }, formatSwept));
  if (zones.some(({ outcome }) => outcome === 'failed')) process.exitCode = 1;
}

function formatSwept({ dryRun, zones }: SweepResult): string {
  const removed = zones.flatMap((zone) =>
    zone.outcome === 'swept' ? zone.removed.map(({ name, value }) => [zone.zoneName, name, value]) : [],
  );
  const inUse = zones.reduce((sum, zone) => sum + (zone.outcome === 'swept' ? zone.inUse : 0), 0);
  const what = dryRun ? 'would be removed' : 'removed';
  const summary = `${counted(removed.length, 'TXT value')} of ${counted(zones.length, 'zone')} ${what}; ${inUse} may be of orders in progress and stay.`;
  return removed.length === 0 ? summary : `${formatTable(['ZONE', 'NAME', 'VALUE'], removed)}\n${summary}`;
}

function describe(zone: SweptZone, dryRun: boolean): string {
  if (zone.outcome === 'failed') return zone.failure.message;
  if (zone.outcome === 'gone') return 'the zone does not exist';
  return `${zone.removed.length} ${dryRun ? 'to be removed' : 'removed'}, ${zone.inUse} in use`;
}
