/** The report as one HTML page that loads nothing. Pure. */
import { scopeText } from '../../rate-limit/turn-text.ts';
import { formatRelative } from '../output.ts';
import { byUrgency } from '../status/status-view.ts';
import { barChart } from './bar-chart.ts';
import type { Bounded, FleetReport } from './fleet-report.ts';
import { html, Markup } from './html.ts';

/** Rows of each table: a browser shows some megabytes at once. The CSV has all. */
const MAX_ROWS = 2_000;

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8882}
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:0}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
p.meta,figcaption{opacity:.75}
table{border-collapse:collapse;width:100%;margin:1rem 0;font-size:13px;display:block;overflow-x:auto}
th,td{text-align:left;padding:.25rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
th{position:sticky;top:0}
.tiles{display:flex;flex-wrap:wrap;gap:.75rem;padding:0;list-style:none}
.tiles li{background:var(--soft);border-radius:.5rem;padding:.6rem 1rem;min-width:6rem}
.tiles b{display:block;font-size:1.6rem}
figure{margin:1.5rem 0}svg{width:100%;height:auto}svg text{font-size:11px;fill:currentColor;opacity:.75}
svg line{stroke:currentColor;opacity:.4}
i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.3em}
.Failing{color:#c0392b;font-weight:600}.Waiting,.Decommissioning{color:#b9770e}.Ready{color:#1e8449}
@media print{body{max-width:none}table{display:table}}
`;

/** Writes it. */
export function htmlReport(report: FleetReport): string {
  const { managementCluster, among, generatedAt, from, to, clusters } = report;
  const title = `Certificates of ${managementCluster}`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${title}</title><style>${new Markup(STYLE)}</style></head><body>
<h1>${title}</h1>
<p class="meta">${among === undefined ? 'The whole fleet' : `Clusters ${among}`}, as of ${instant(generatedAt)}. The period is ${instant(from)} to ${instant(to)}.</p>
<ul class="tiles">${tile(clusters.length, 'clusters')}${Object.entries(report.states).map(([state, count]) => tile(count, state))}${tile(report.issued, 'issued')}${tile(report.unsuccessful, 'orders without a certificate')}${tile(report.revocations.items.length, 'revoked')}</ul>
<h2>What fails, and why</h2>
${reasonsTable(report)}
${problemsTable(report)}
<h2>Expiries and renewals</h2>
${barChart({ title: 'Clusters by the week in which their first certificate expires', bars: report.expiries, parts: [{ name: 'expire', colour: '#5d6d7e' }], labels: ends(report.expiries.length, 'expired') })}
${barChart({ title: 'Clusters by the week of their next renewal', bars: report.renewals, parts: [{ name: 'renew', colour: '#2471a3' }], labels: ends(report.renewals.length, 'due') })}
<h2>Orders of the period</h2>
${barChart({
  title: 'Orders that ended',
  bars: report.activity,
  parts: [
    { name: 'issued', colour: '#1e8449' },
    { name: 'without a certificate', colour: '#c0392b' },
  ],
})}
${ordersTable(report)}
<h2>Revoked in the period</h2>
${revocationsTable(report)}
<h2>Budgets of the CAs</h2>
${budgets(report)}
<h2>Every cluster</h2>
${clustersTable(report)}
<p class="meta">By certman report. Orders and decommissions are those that Temporal still keeps.</p>
</body></html>
`;
  return page.text;
}

function tile(count: number, name: string): Markup {
  return html`<li><b>${count}</b>${name}</li>`;
}

function ends(bars: number, first: string): Readonly<Record<number, string>> {
  return { 0: first, [bars - 1]: 'later' };
}

/** A page is read later than it was written: no times until. */
function instant(text: string | undefined): string {
  if (text === undefined) return '–';
  return `${text.slice(0, 16).replace('T', ' ')}Z`;
}

/** Only rows that are shown are made. */
function table<Item>(
  header: readonly string[],
  items: readonly Item[],
  toRow: (item: Item) => Markup,
  { none, incomplete = false }: { readonly none: string; readonly incomplete?: boolean },
): Markup {
  if (items.length === 0 && !incomplete) return html`<p>${none}</p>`;
  const more =
    items.length > MAX_ROWS
      ? html`<p>And ${items.length - MAX_ROWS} more: certman report -o csv, or -o json.</p>`
      : html``;
  const partial = incomplete ? html`<p>Not all of them could be read.</p>` : html``;
  return html`<table><thead><tr>${header.map((one) => html`<th>${one}</th>`)}</tr></thead><tbody>${items.slice(0, MAX_ROWS).map(toRow)}</tbody></table>${more}${partial}`;
}

function row(...cells: readonly (string | number | Markup)[]): Markup {
  return html`<tr>${cells.map((cell) => html`<td>${cell}</td>`)}</tr>`;
}

/** States are words of certman, but come from Temporal: only a plain word becomes a class. */
function stateMark(state: string): Markup {
  return html`<span class="${/^[A-Za-z]+$/.test(state) ? state : ''}">${state}</span>`;
}

function reasonsTable({ reasons }: FleetReport): Markup {
  return table(['Reason', 'Clusters'], reasons, ({ reason, clusters }) => row(reason, clusters), {
    none: 'Every cluster is Ready.',
  });
}

function problemsTable({ problems: { items, incomplete } }: FleetReport): Markup {
  return table(
    ['Cluster', 'Bundle', 'State', 'Reason', 'Why', 'Next attempt', 'Expires'],
    items,
    ({ cluster, bundle, state, reason = '', message, nextAttempt, notAfter }) =>
      row(cluster, bundle, stateMark(state), reason, message, instant(nextAttempt), instant(notAfter)),
    { none: 'Nothing fails or waits.', incomplete },
  );
}

function ordersTable({ orders }: FleetReport): Markup {
  return table(
    ['Ended', 'Cluster', 'Issued', 'Reason', 'Names'],
    newestFirst(orders),
    ({ at, cluster, issued, reason = '', dnsNames }) =>
      row(instant(at), cluster, issued ? 'yes' : 'no', reason, dnsNames.join(', ')),
    { none: 'No order ended.', incomplete: orders.incomplete },
  );
}

function revocationsTable({ revocations }: FleetReport): Markup {
  return table(
    ['Decommissioned', 'Cluster', 'Serial number'],
    newestFirst(revocations),
    ({ at, cluster, serialNumber }) => row(instant(at), cluster, serialNumber),
    {
      none: 'No certificate of a cluster that was decommissioned in the period.',
      incomplete: revocations.incomplete,
    },
  );
}

function newestFirst<Item extends { readonly at: string }>({ items }: Bounded<Item>): readonly Item[] {
  return items.toSorted((one, other) => (one.at < other.at ? 1 : -1));
}

function budgets({ budgets: all }: FleetReport): Markup {
  if (all.length === 0) return html`<p>No budget runs: no order was placed at a CA with limits.</p>`;
  return html`${all.map(({ workflowId, status, problem = '' }) => {
    if (status === undefined) return html`<p>${workflowId}: ${problem}</p>`;
    const limits = table(
      ['Limit', 'Used', 'Left', 'Next free', 'Waiting'],
      status.usage,
      ({ scope, burst, left, nextFree, waiting }) =>
        row(scopeText(scope), burst - left, left, instant(new Date(nextFree).toISOString()), waiting),
      { none: 'Nothing is used.' },
    );
    return html`<h3>${status.caHost}, account ${status.accountUrl}</h3>${limits}`;
  })}`;
}

function clustersTable({ clusters, generatedAt }: FleetReport): Markup {
  const now = Date.parse(generatedAt);
  return table(
    ['Cluster', 'State', 'Reason', 'Expires', 'Renews', 'Issuer', 'Names'],
    clusters.toSorted(byUrgency),
    ({ cluster, state, reason = '', notAfter, renewalTime, issuer = '', dnsNames = [] }) =>
      row(
        cluster,
        stateMark(state),
        reason === state ? '' : reason,
        formatRelative(notAfter, now),
        formatRelative(renewalTime, now),
        issuer,
        dnsNames.join(', '),
      ),
    { none: 'Nothing is served.' },
  );
}
