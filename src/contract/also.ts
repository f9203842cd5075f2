/** What a cluster has beside the state and the reason of its most urgent bundle, for lists of clusters. Pure. */
import { renewalRequestReason } from '../certificates/renewal-request.ts';
import { pendingRevocations } from '../certificates/requested-revocation.ts';
import { type BundleRecord, failureOf, shownReasonOf, waitsForTurn } from './bundle-record.ts';
import { withinBytes } from './within-bytes.ts';

/** A bundle with why it needs attention, or what was requested of it. */
export interface Also {
  readonly bundle: string;
  /** As a condition reason; of a campaign's request `CampaignRequested`. */
  readonly reason: string;
}

/** What was requested, as the reasons of {@link Also}. */
export const REQUESTED_REASONS: ReadonlySet<string> = new Set([
  'Requested',
  'RequestExpired',
  'RevocationRequested',
  'CampaignRequested',
]);

/** The value of the search attribute has room for so many. */
export const MAX_ALSO = 10;
const MAX_BUNDLE_BYTES = 60;

/** In the order of the bundles' names, at most ten. @param shown the bundle that a list shows, with its reason. */
export function alsoOf(
  records: Readonly<Record<string, BundleRecord>>,
  shown: BundleRecord | undefined,
): readonly Also[] {
  return Object.entries(records)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([bundle, record]) => {
      const reasons = new Set([...(record === shown ? [] : problemOf(record)), ...requestsOf(record)]);
      if (record === shown) reasons.delete(shownReasonOf(record));
      return [...reasons].map((reason) => ({ bundle: withinBytes(bundle, MAX_BUNDLE_BYTES), reason }));
    })
    .slice(0, MAX_ALSO);
}

/** What prevents its next step, or postpones its renewal. A turn at the CA comes by itself. */
function problemOf(record: BundleRecord): readonly string[] {
  const isShown = failureOf(record) === undefined ? record.state === 'Ready' : !waitsForTurn(record);
  const reason = shownReasonOf(record);
  return isShown && reason !== record.state ? [reason] : [];
}

function requestsOf(record: BundleRecord): readonly string[] {
  const { renewalRequest, campaigns = [] } = record;
  const isRequested = renewalRequest !== undefined && renewalRequest.withdrawnAt === undefined;
  return [
    ...(isRequested ? [renewalRequestReason(renewalRequest)] : []),
    ...(pendingRevocations(record).length > 0 ? ['RevocationRequested'] : []),
    ...(campaigns.length > 0 ? ['CampaignRequested'] : []),
  ];
}

/** As the search attribute has it: `apps: DnsNotDelegated`. */
export function alsoText({ bundle, reason }: Also): string {
  return `${bundle}: ${reason}`;
}

/** The inverse: a reason has no colon. */
export function parseAlso(text: string): Also {
  const end = text.lastIndexOf(': ');
  return { bundle: text.slice(0, Math.max(0, end)), reason: end < 0 ? text : text.slice(end + 2) };
}
