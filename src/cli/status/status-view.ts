/** What `certman status` shows, wherever it was read. */
import { formatInstant, formatRelative, formatTable } from '../output.ts';

/** One line of the fleet. */
export interface FleetRow {
  /** namespace/name. */
  readonly cluster: string;
  readonly state: string;
  readonly reason?: string;
  /** RFC 3339. */
  readonly notAfter?: string;
  readonly renewalTime?: string;
  readonly issuer?: string;
}

export interface FleetReport {
  readonly source: 'temporal' | 'kubernetes';
  readonly clusters: readonly FleetRow[];
}

/** One certificate of a cluster. */
export interface CertificateRow {
  readonly bundle: string;
  readonly state: string;
  readonly message: string;
  readonly dnsNames: readonly string[];
  readonly secretName?: string;
  readonly issuer?: string;
  readonly serialNumber?: string;
  readonly notAfter?: string;
  readonly renewalTime?: string;
  readonly nextAttempt?: string;
  /** What the issuance is doing at this moment. */
  readonly activity?: string;
}

export interface ClusterReport {
  readonly source: 'temporal' | 'kubernetes';
  readonly cluster: string;
  readonly workflowId?: string;
  /** Why nothing, or nothing more, is done for the cluster as a whole. */
  readonly situation?: string;
  readonly certificates: readonly CertificateRow[];
}

/** Most urgent first; a state that is not known is urgent. */
const URGENCY = ['Failing', 'Waiting', 'Decommissioning', 'Issuing', 'Pending', 'Renewing', 'Paused', 'Ready'];

/** Most urgent first: by state, then by what expires first. Pure. */
export function byUrgency(left: FleetRow, right: FleetRow): number {
  return (
    URGENCY.indexOf(left.state) - URGENCY.indexOf(right.state) ||
    expiry(left) - expiry(right) ||
    left.cluster.localeCompare(right.cluster)
  );
}

function expiry({ notAfter }: FleetRow): number {
  const at = notAfter === undefined ? Number.NaN : Date.parse(notAfter);
  return Number.isNaN(at) ? 0 : at;
}

export function formatFleet(report: FleetReport): string {
  if (report.clusters.length === 0)
    return 'Nothing is served: no ClusterDeployment is managed and installed yet, and no CertificateRequest stands alone.';
  const rows = report.clusters
    .toSorted(byUrgency)
    .map((line) => [
      line.cluster,
      line.state,
      line.reason === undefined || line.reason === line.state ? '' : line.reason,
      formatRelative(line.notAfter),
      formatRelative(line.renewalTime),
      line.issuer ?? '–',
    ]);
  return formatTable(['CLUSTER', 'STATE', 'REASON', 'EXPIRES', 'RENEWS', 'ISSUER'], rows);
}

export function formatCluster(report: ClusterReport): string {
  const lines = [report.cluster];
  if (report.workflowId !== undefined) lines.push(`  workflow  ${report.workflowId}`);
  if (report.situation !== undefined) lines.push(`  ${report.situation}`);
  for (const certificate of report.certificates) lines.push('', ...certificateLines(certificate));
  if (report.certificates.length === 0 && report.situation === undefined)
    lines.push('  No certificate bundle is to be generated.');
  return lines.join('\n');
}

function certificateLines(certificate: CertificateRow): readonly string[] {
  const fields: (readonly [string, string | undefined])[] = [
    ['why', certificate.message],
    ['now', certificate.activity],
    ['names', certificate.dnsNames.length === 0 ? undefined : certificate.dnsNames.join(', ')],
    ['secret', certificate.secretName],
    ['issuer', certificate.issuer],
    ['serial', certificate.serialNumber],
    ['expires', certificate.notAfter === undefined ? undefined : formatInstant(certificate.notAfter)],
    ['renews', certificate.renewalTime === undefined ? undefined : formatInstant(certificate.renewalTime)],
    ['next try', certificate.nextAttempt === undefined ? undefined : formatInstant(certificate.nextAttempt)],
  ];
  return [
    `  ${certificate.bundle}: ${certificate.state}`,
    ...fields.flatMap(([name, text]) => (text === undefined ? [] : [`    ${name.padEnd(9)} ${text}`])),
  ];
}
