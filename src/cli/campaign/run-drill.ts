import { registeredDomain } from '../../acme/registered-domains.ts';
import { computeDrill, type DrillResult, type PastIssuance, rateOf } from '../../campaigns/drill.ts';
import { identifierOf } from '../../certificates/dns-name.ts';
import { loadSettings } from '../../configuration/load-configuration.ts';
import { taskQueueOf } from '../../contract/ids.ts';
import { counted } from '../../failures/counted.ts';
import { CertmanError } from '../../failures/failure.ts';
import { listCompletedIssuances } from '../../worker/list-completed-issuances.ts';
import { withKubernetes } from '../kubernetes-client.ts';
import { requireSameManagementCluster } from '../management-cluster.ts';
import { formatInstant, formatTable } from '../output.ts';
import { commandLine } from '../program-name.ts';
import { withTemporal } from '../temporal-client.ts';
import { unknownText } from './campaign-text.ts';
import { type SelectedCertificate, type SelectedCertificates, selectCertificates } from './select-certificates.ts';
import {
  type CertificateSelectionOptions,
  certificateSelectionOf,
  describeCertificateSelection,
  parseInstant,
} from './selection-options.ts';

const LOOK_BACK_MS = 30 * 24 * 3_600_000;
const LISTING_TIMEOUT_MS = 2 * 60_000;
const MAX_LISTED = 100_000;
const DEFAULT_DEADLINE = '24h';

/** Flags of `certman drill`. */
export interface DrillOptions extends CertificateSelectionOptions {
  readonly perMinute?: number;
  readonly deadline?: string;
}

/** A drill of a selection. */
export interface Drill extends DrillResult, Pick<SelectedCertificates, 'unknownSerials' | 'unknownClusters'> {
  readonly selection: string;
}

/** Computes; nothing is ordered or written. @throws CertmanError `kubernetes/notFound` where nothing is selected. */
export async function runDrill(options: DrillOptions): Promise<Drill> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  const now = Date.now();
  const selection = await certificateSelectionOf(options, now);
  const deadline = parseInstant('--deadline', options.deadline ?? DEFAULT_DEADLINE, now);
  const found = await withKubernetes((api) => selectCertificates(api, managementCluster, selection), options);
  const described = describeCertificateSelection(selection);
  if (found.certificates.length === 0) {
    throw new CertmanError({
      code: 'kubernetes/notFound',
      message: `No certificate in use is selected ${described}.`,
      remedy: `Those that are in use: ${commandLine('status -o wide')}`,
    });
  }
  const past = await withTemporal(async (client) => {
    await requireSameManagementCluster(client, managementCluster, options);
    const issued: PastIssuance[] = [];
    const list = listCompletedIssuances(client, taskQueueOf(managementCluster));
    for await (const { closeTime, nameSet } of list(now - LOOK_BACK_MS, AbortSignal.timeout(LISTING_TIMEOUT_MS))) {
      issued.push({ at: closeTime, nameSet });
      if (issued.length >= MAX_LISTED) break;
    }
    return issued;
  });
  const certificates = found.certificates.map(drillCertificate);
  const result = computeDrill(certificates, past, rateOf(past, options.perMinute), { now, deadline });
  const { unknownSerials, unknownClusters } = found;
  return { ...result, selection: described, unknownSerials, unknownClusters };
}

function drillCertificate({ cluster, dnsNames, acmeServer, issuerName, notBefore, notAfter }: SelectedCertificate) {
  const [name] = dnsNames;
  return {
    cluster,
    dnsNames,
    ca: acmeServer ?? issuerName,
    registeredDomain: (name === undefined ? undefined : registeredDomain(identifierOf(name))) ?? name ?? '',
    lifetimeMs: notBefore === undefined || notAfter === undefined ? undefined : notAfter - notBefore,
  };
}

const SOURCES: Readonly<Record<DrillResult['rate']['source'], string>> = {
  stated: 'as --per-minute says',
  measured: 'as in the busiest ten minutes of the last 30 days',
  assumed:
    'an assumption, not a measurement: no ten minutes of the last 30 days had as many; --per-minute states another rate',
};

/** The result for people. */
export function drillText(drill: Drill): string {
  const { certificates, rate, half, last, deadline, late, lateClusters, groups, selection } = drill;
  const rows = groups.map((group) => [
    group.registeredDomain,
    group.ca,
    `${group.certificates}`,
    `${group.limited}`,
    formatInstant(group.last),
  ]);
  return [
    `If ${counted(certificates, 'certificate')} (${selection}) ${certificates === 1 ? 'was' : 'were'} revoked now; nothing is done:`,
    '',
    `Half of them would be replaced at ${formatInstant(half)}, the last at ${formatInstant(last)}.`,
    late === 0
      ? `That is before the deadline, ${formatInstant(deadline)}.`
      : `${late} would be later than the deadline, ${formatInstant(deadline)}: ${lateClusters.join(', ')}${late > lateClusters.length ? ', …' : ''}`,
    `Rate: ${Math.round(rate.perMinute)} a minute, ${SOURCES[rate.source]}.`,
    'Renewals of the same names are exempt from the limits of account and registered domain; LIMITED wait for the limit of their set of names.',
    ...unknownText(drill),
    '',
    formatTable(['DOMAIN', 'CA', 'CERTIFICATES', 'LIMITED', 'LAST REPLACED'], rows),
    '',
    `To do it for a few: ${commandLine('campaign start renew -l <labels> -A')}`,
  ].join('\n');
}
