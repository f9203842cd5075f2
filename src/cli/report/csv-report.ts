/** The clusters of a report as CSV (RFC 4180). Pure. */
import { oneLine } from '../../failures/printable.ts';
import { byUrgency } from '../status/status-view.ts';
import type { FleetReport } from './fleet-report.ts';

const HEADER = ['cluster', 'state', 'reason', 'not_after', 'renewal_time', 'issuer', 'dns_names'];

/** A row for each cluster, most urgent first. */
export function csvReport({ clusters }: FleetReport): string {
  const rows = clusters
    .toSorted(byUrgency)
    .map(({ cluster, state, reason = '', notAfter = '', renewalTime = '', issuer = '', dnsNames = [] }) =>
      [cluster, state, reason, notAfter, renewalTime, issuer, dnsNames.join(' ')].map(cellOf).join(','),
    );
  return [HEADER.join(','), ...rows].join('\r\n');
}

/** A spreadsheet takes a cell that begins so for a formula; names come from outside. */
const FORMULA = /^[=+\-@\t]/;

function cellOf(text: string): string {
  const line = oneLine(text);
  return `"${(FORMULA.test(line) ? `'${line}` : line).replaceAll('"', '""')}"`;
}
