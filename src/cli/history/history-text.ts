import { counted } from '../../failures/counted.ts';
import { formatInstant, formatRelative, formatTable } from '../output.ts';
import type { HistoryEntry } from './certificate-history.ts';
import type { CertificateHistory } from './read-history.ts';

/** A table, newest first. @param wide with the whole serial numbers, exact instants and names. */
export function formatHistory(history: CertificateHistory, wide = false): string {
  const { cluster, certificates, unsuccessfulOrders, lastUnsuccessful, requestsUnreadBefore } = history;
  const failed =
    unsuccessfulOrders === 0
      ? []
      : [
          `${counted(unsuccessfulOrders, 'order')} ended without a certificate, the last ${formatRelative(lastUnsuccessful)}.`,
        ];
  if (certificates.length === 0) return [`${cluster} has had no certificate yet.`, ...failed].join('\n');
  const header = ['BUNDLE', 'SERIAL', 'ISSUED', 'EXPIRES', 'FATE', 'WHY', 'BY', 'ISSUER'];
  const table = wide
    ? formatTable(
        [...header, 'NAMES'],
        certificates.map((entry) => rowOf(entry, formatInstant, true)),
      )
    : formatTable(
        header,
        certificates.map((entry) => rowOf(entry, formatRelative, false)),
      );
  const unread =
    requestsUnreadBefore === undefined
      ? []
      : [`Not all runs of the workflow from before ${requestsUnreadBefore} were read: BY can be incomplete there.`];
  return [table, ...failed, ...unread].join('\n');
}

function rowOf(entry: HistoryEntry, instant: (text: string | undefined) => string, wide: boolean): readonly string[] {
  const { bundle, serialNumber, issuedAt, notBefore, notAfter, fate, why, by, issuer, dnsNames = [] } = entry;
  const serial = wide || serialNumber.length <= 12 ? serialNumber : `…${serialNumber.slice(-11)}`;
  const row = [bundle, serial, instant(issuedAt ?? notBefore), instant(notAfter), fate, why, by ?? '–', issuer ?? '–'];
  return wide ? [...row, dnsNames.join(',')] : row;
}
