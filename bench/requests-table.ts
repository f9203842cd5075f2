import { markdownTable } from './markdown-table.ts';
import { type Counts, sumOf } from './request-counters.ts';
import { ACTIONS, type HistoryCost, totalActions } from './temporal-actions.ts';

/** Requests to each outside system. */
export interface OutsideRequests {
  /** By resource, from the worker's metric. */
  readonly acme: Counts;
  /** By method and path, from the CA's log: nonces and retries included. */
  readonly acmeAtCa: Counts;
  /** By action. */
  readonly route53: Counts;
  /** In the cluster's namespace, by verb and resource. */
  readonly kubernetes: Counts;
  /** All others: the controller, and reads for all clusters. */
  readonly kubernetesElsewhere: Counts;
  readonly doh: number;
  readonly authoritative: number;
  /** Received by Temporal, those of the controller included; each is an action. */
  readonly heartbeats: number;
}

/** Cost of one certificate. */
export interface CertificateCost extends OutsideRequests {
  readonly temporal: HistoryCost;
  /** Events of each history that took part. */
  readonly events: Readonly<Record<string, number>>;
}

/** Last line of the bench, as JSON. */
export interface RequestsBenchResult {
  readonly names: number;
  readonly issuance: CertificateCost;
  readonly renewal: CertificateCost;
  /** A minute of two certificates at rest. */
  readonly rest: OutsideRequests;
}

/** The result of the requests bench as a Markdown table. */
export function requestsTable({ names, issuance, renewal, rest }: RequestsBenchResult): string {
  const rows: (readonly (string | number)[])[] = [];
  const row = (what: string, count: (cost: OutsideRequests) => number): void => {
    rows.push([what, count(issuance), count(renewal), count(rest)]);
  };
  const group = (what: string, counts: (cost: OutsideRequests) => Counts): void => {
    row(`**${what}**`, (cost) => sumOf(counts(cost)));
    const kinds = new Set([issuance, renewal, rest].flatMap((cost) => Object.keys(counts(cost))));
    for (const kind of [...kinds].sort()) row(`– ${kind}`, (cost) => counts(cost)[kind] ?? 0);
  };
  const workflows = (what: string, count: (cost: CertificateCost) => number | undefined): void => {
    rows.push([what, count(issuance) ?? '–', count(renewal) ?? '–', 0]);
  };
  group('ACME requests', (cost) => cost.acme);
  group("ACME requests by the CA's log", (cost) => cost.acmeAtCa);
  group('Route 53 requests', (cost) => cost.route53);
  row('**questions to each DoH resolver**', (cost) => cost.doh);
  row("**questions to each of the zone's servers**", (cost) => cost.authoritative);
  group("Kubernetes requests in the cluster's namespace", (cost) => cost.kubernetes);
  group('Kubernetes requests elsewhere', (cost) => cost.kubernetesElsewhere);
  workflows('**Temporal actions**', (cost) => totalActions(cost.temporal));
  for (const action of ACTIONS) workflows(`– ${action}`, (cost) => cost.temporal.actions[action]);
  row("**heartbeats**, the controller's included", (cost) => cost.heartbeats);
  workflows('**events added**', (cost) => cost.temporal.events);
  for (const history of Object.keys(renewal.events)) {
    workflows(`– history: ${history}`, (cost) => cost.events[history]);
  }
  const head = [`one certificate of ${names} names`, 'issued', 'renewed', 'a minute at rest'];
  return markdownTable(head, rows);
}
