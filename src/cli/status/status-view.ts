import type { PostponementReason } from '../../certificates/postponement.ts';
import { compareUrgency } from '../../certificates/urgency.ts';
import type { ClusterView } from '../../clusters/cluster-view.ts';
import { type Gate, gateOf } from '../../clusters/gate.ts';
import { type Also, alsoText, REQUESTED_REASONS } from '../../contract/also.ts';
import { counted } from '../../failures/counted.ts';
import type { FailureInfo } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import { formatInstant, formatRelative, formatTable } from '../output.ts';

/** What a report has in addition to certificates. */
export interface ManagementClusterProblems {
  /** What affects all certificates, and what to do; absent when there is nothing, or nothing was found out. */
  readonly problem?: string;
}

/** One cluster of the fleet. */
export interface FleetRow {
  /** namespace/name. */
  readonly cluster: string;
  readonly state: string;
  /** Of the failure, else of a renewal that is postponed or requested, else the state. */
  readonly reason?: string;
  /** RFC 3339. */
  readonly notAfter?: string;
  readonly renewalTime?: string;
  readonly issuer?: string;
  /** Of the most urgent certificate; from Temporal, its first ten. */
  readonly dnsNames?: readonly string[];
  /** What needs attention or was requested beside that, at most ten; absent: nothing. */
  readonly also?: readonly Also[] | undefined;
}

/** For --json and {@link formatFleet}. */
export interface FleetReport extends ManagementClusterProblems {
  readonly source: 'temporal' | 'kubernetes';
  /** Why not from Temporal. */
  readonly unavailable?: string;
  /** Which part of the fleet, for people, such as `in namespace ns`; absent: all of it. */
  readonly among?: string;
  readonly clusters: readonly FleetRow[];
  /** Clusters that `clusters` leaves out, since they are Ready, with nothing due, postponed or requested; absent: it has all. */
  readonly atRest?: number;
}

/** Whether the cluster serves a certificate: the condition `Served`. */
export interface ServedRow {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
  /** RFC 3339. */
  readonly since?: string | undefined;
}

/** One certificate of a cluster. */
export interface CertificateRow {
  readonly bundle: string;
  readonly state: string;
  /** As in conditions: of the failure, else the state. */
  readonly reason?: string;
  readonly message: string;
  /** When the state was entered (RFC 3339). */
  readonly since?: string;
  /** What prevents the next step; from Temporal only. */
  readonly failure?: FailureInfo;
  /** What operators have asked for, in sentences; from Temporal also what campaigns have. */
  readonly requests?: readonly string[];
  /** A renewal that an operator requested is pending; from Temporal only. */
  readonly renewalRequested?: true | undefined;
  readonly requestName?: string;
  readonly dnsNames: readonly string[];
  readonly secretName?: string;
  readonly issuer?: string;
  readonly serialNumber?: string;
  readonly notAfter?: string;
  readonly renewalTime?: string;
  /** Why its renewal, which is due, waits. */
  readonly postponed?: PostponementReason | undefined;
  readonly nextAttempt?: string;
  readonly activity?: string;
  /** Absent: not probed, or the API server does not answer. */
  readonly served?: ServedRow | undefined;
}

/** For --json and {@link formatCluster}. */
export interface ClusterReport extends ManagementClusterProblems {
  readonly source: 'temporal' | 'kubernetes';
  /** Why not from Temporal. */
  readonly unavailable?: string;
  readonly cluster: string;
  /** Absent: its object is gone. */
  readonly kind?: 'ClusterDeployment' | 'CertificateRequest';
  readonly workflowId?: string;
  /** Absent: the object is gone, or cannot be read. */
  readonly gate?: Gate;
  /** Zone of its TXT records. */
  readonly zoneName?: string;
  /** Secret with the credentials for it. */
  readonly credentialsSecret?: string;
  /** Why the cluster is not served, or served in part. */
  readonly situation?: string;
  readonly certificates: readonly CertificateRow[];
}

/** Says that a report is not from Temporal, and why; undefined: it is. */
export function sourceText({ unavailable }: { readonly unavailable?: string }): string | undefined {
  return unavailable === undefined ? undefined : `${unavailable} Showing the resources of the management cluster.`;
}

/** What a report says of a cluster as a whole. */
export function describeCluster(
  view: ClusterView,
): Pick<ClusterReport, 'kind' | 'gate' | 'situation' | 'zoneName' | 'credentialsSecret'> {
  const gate = gateOf(view);
  return {
    kind: view.identity.kind ?? 'ClusterDeployment',
    gate,
    situation: gate.kind === 'serve' ? gate.note : gate.message,
    zoneName: view.zoneName,
    credentialsSecret: 'credentialsSecret' in view.platform ? view.platform.credentialsSecret : undefined,
  };
}

/** Most urgent first, then by name. */
export function byUrgency(left: FleetRow, right: FleetRow): number {
  return compareUrgency(left, right) || left.cluster.localeCompare(right.cluster);
}

/** A table, most urgent first; where it leaves clusters out, below lines that count all. @param wide with exact instants and names. */
export function formatFleet(report: FleetReport, wide = false): string {
  const { problem, clusters, atRest } = report;
  const heads = [problem === undefined ? [] : oneLine(problem), atRest === undefined ? [] : countsText(report, atRest)];
  const isLeftOut = atRest !== undefined && clusters.length === 0;
  return [...heads.flat(), ...(isLeftOut ? [] : [fleetTable(report, wide)])].join('\n\n');
}

/** Two lines, since a redrawn table cuts what is too long: `10000 clusters: 12 Failing, 9988 Ready.` */
function countsText({ clusters, among }: FleetReport, atRest: number): string {
  const counts = new Map<string, number>();
  for (const { state } of clusters.toSorted(byUrgency)) counts.set(state, (counts.get(state) ?? 0) + 1);
  counts.set('Ready', (counts.get('Ready') ?? 0) + atRest);
  const fleet = `${counted(clusters.length + atRest, 'cluster')}${among === undefined ? '' : ` ${oneLine(among)}`}`;
  const byState = Array.from(counts, ([state, count]) => `${count} ${state}`).join(', ');
  const shown =
    clusters.length === 0
      ? 'None fails, waits or is due'
      : `Below ${clusters.length === 1 ? 'is the one that fails, waits or is due' : `are the ${clusters.length} that fail, wait or are due`}`;
  return `${fleet}: ${byState}.\n${shown}; --all shows all.`;
}

function fleetTable({ clusters, among }: FleetReport, wide: boolean): string {
  if (clusters.length === 0 && among !== undefined) return `Nothing is served ${oneLine(among)}.`;
  if (clusters.length === 0)
    return 'Nothing is served: no ClusterDeployment is managed and installed yet, and there is no standalone CertificateRequest.';
  const instant = wide ? formatInstant : formatRelative;
  const rows = clusters
    .toSorted(byUrgency)
    .map(({ cluster, state, reason, notAfter, renewalTime, issuer, dnsNames = [], also = [] }) => [
      cluster,
      state,
      [...(reason === undefined || reason === state ? [] : [reason]), ...(wide ? [] : alsoShort(also))].join(', '),
      instant(notAfter),
      instant(renewalTime),
      issuer ?? '–',
      ...(wide ? [also.map(alsoText).join(', '), dnsNames.join(',')] : []),
    ]);
  return formatTable(
    ['CLUSTER', 'STATE', 'REASON', 'EXPIRES', 'RENEWS', 'ISSUER', ...(wide ? ['ALSO', 'NAMES'] : [])],
    rows,
  );
}

/** What was requested, each once, and of how many other bundles there is something: `Requested, +1 more`. */
function alsoShort(also: readonly Also[]): readonly string[] {
  const requests = new Set(also.flatMap(({ reason }) => (REQUESTED_REASONS.has(reason) ? [reason] : [])));
  const others = also.filter(({ reason }) => !REQUESTED_REASONS.has(reason)).length;
  return [...requests, ...(others === 0 ? [] : [`+${others} more`])];
}

/** Every certificate of a cluster, field by field. */
export function formatCluster(report: ClusterReport): string {
  const lines = report.problem === undefined ? [report.cluster] : [oneLine(report.problem), '', report.cluster];
  if (report.workflowId !== undefined) lines.push(`  workflow  ${report.workflowId}`);
  if (report.situation !== undefined) lines.push(`  ${oneLine(report.situation)}`);
  for (const certificate of report.certificates) lines.push('', ...certificateLines(certificate));
  if (report.certificates.length === 0 && report.situation === undefined)
    lines.push('  It has no certificate bundle to generate.');
  return lines.join('\n');
}

/** `NotServed: …`; where it is served, the message alone. */
export function servedText({ status, reason, message }: ServedRow): string {
  return status === 'True' ? message : `${reason}: ${message}`;
}

function certificateLines(certificate: CertificateRow): readonly string[] {
  const instant = (text: string | undefined) => (text === undefined ? undefined : formatInstant(text));
  const fields: (readonly [string, string | undefined])[] = [
    ['why', certificate.message],
    ...(certificate.requests ?? []).map((request) => ['asked', request] as const),
    ['now', certificate.activity],
    ['names', certificate.dnsNames.length === 0 ? undefined : certificate.dnsNames.join(', ')],
    ['secret', certificate.secretName],
    ['issuer', certificate.issuer],
    ['serial', certificate.serialNumber],
    ['expires', instant(certificate.notAfter)],
    ['renews', instant(certificate.renewalTime)],
    ['next try', instant(certificate.nextAttempt)],
    ['served', certificate.served && servedText(certificate.served)],
  ];
  return [
    `  ${oneLine(`${certificate.bundle}: ${certificate.state}`)}`,
    ...fields.flatMap(([name, text]) => (text === undefined ? [] : [`    ${name.padEnd(9)} ${oneLine(text)}`])),
  ];
}
