import type { TxtRecord } from '../../certificates/dns-name.ts';
import type { ClusterIdentity } from '../../clusters/cluster-identity.ts';
import type { CertmanError } from '../../failures/failure.ts';
import { oneLine } from '../../failures/printable.ts';
import type { KubernetesApi } from '../api/kubernetes-api.ts';
import { recordEvent } from './events.ts';
import { involvedObjectOf } from './primary-object.ts';

const MAX_NAMES = 5;

/** Records an Event that says which TXT records stay where they are, why, and what removes them. */
export async function reportLeftRecords(
  kubernetes: KubernetesApi,
  cluster: ClusterIdentity,
  records: readonly TxtRecord[],
  why: CertmanError,
): Promise<void> {
  const all = [...new Set(records.map(({ name }) => name))];
  const more = all.length > MAX_NAMES ? ` and ${all.length - MAX_NAMES} more` : '';
  const names = all.slice(0, MAX_NAMES).map((name) => oneLine(name, 100));
  const message = `${why.message} Left: ${names.join(', ')}${more}. ${why.info.remedy ?? ''}`.trim();
  await recordEvent(kubernetes, involvedObjectOf(cluster), { type: 'Warning', reason: 'TxtRecordsLeft', message });
}
