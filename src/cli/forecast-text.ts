import { counted } from '../failures/counted.ts';
import type { Forecast } from '../rate-limit/forecast.ts';
import { formatTable } from './output.ts';

const BAR_LENGTH = 40;
const HOUR_MS = 3_600_000;

/** The forecast for people. */
export function forecastText(
  forecast: Forecast & { readonly ca: string; readonly domain?: string | undefined },
): string {
  const { milestones, limitedBy, ca, domain } = forecast;
  const last = milestones.at(-1);
  const rows = milestones.map(({ clusters: count, afterMs }) => [
    `${count}`,
    afterMs === 0 ? 'at once' : `after ${duration(afterMs)}`,
    '█'.repeat(Math.max(1, Math.round((BAR_LENGTH * count) / (last?.clusters ?? 1)))),
  ]);
  const limit = limitedBy === 'account' ? 'new orders of the account' : `certificates below ${domain}`;
  const by =
    limitedBy === undefined ? `No limit of ${ca} holds them up.` : `They wait for the limit of ${ca} for ${limit}.`;
  return [
    formatTable(['CLUSTERS', 'ORDERED', ''], rows),
    '',
    by,
    ...assumption(domain),
    ...overrideText(forecast),
  ].join('\n');
}

function assumption(domain: string | undefined): readonly string[] {
  if (domain !== undefined) return [];
  return ['Each cluster counts with a registered domain of its own: where they share one, pass it as --domain.'];
}

/** Fields of the CA's form and their values, to be pasted. */
function overrideText({ domainOverride, domain, milestones }: Parameters<typeof forecastText>[0]): readonly string[] {
  if (domainOverride === undefined || domain === undefined) return [];
  const count = milestones.at(-1)?.clusters ?? 0;
  return [
    '',
    'To have all of them within a week, ask the CA for an override of "New Certificates per Registered Domain".',
    'The form is at https://letsencrypt.org/docs/rate-limits/#requesting-an-override; the CA takes weeks to answer.',
    '',
    `Maximum Certificates Per Week: ${domainOverride}`,
    `Registered Domain Name: ${domain}`,
    `Use Case: We install ${counted(count, 'OpenShift cluster')} below ${domain}. Each has one certificate for its API and applications, ordered by certman. Renewals are for the same names.`,
  ];
}

/** The largest unit of which there are at least two, to one decimal place; whole minutes. */
function duration(ms: number): string {
  const hours = ms / HOUR_MS;
  return hours < 2
    ? `${Math.ceil(hours * 60)} min`
    : hours < 48
      ? `${hours.toFixed(1)} hours`
      : `${(hours / 24).toFixed(1)} days`;
}
