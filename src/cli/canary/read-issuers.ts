import { loadSettings } from '../../configuration/load-configuration.ts';
import type { KubernetesApi } from '../../kubernetes/api/kubernetes-api.ts';
import { type IssuerRecord, IssuerRecordStore } from '../../kubernetes/objects/issuer-records.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { withKubernetes } from '../kubernetes-client.ts';

/** An issuer as it is recorded. */
export interface ListedIssuer extends IssuerRecord {
  readonly id: string;
}

/** The issuers of the management cluster, the newest first. @throws CertmanError `kubernetes/…`, `configuration/invalid`. */
export async function readIssuers(connection: KubeConnection): Promise<readonly ListedIssuer[]> {
  return await withKubernetes((kubernetes) => listIssuers(recordsOf(kubernetes)), connection);
}

/** The records in certman's namespace. */
export function recordsOf(kubernetes: KubernetesApi): IssuerRecordStore {
  return new IssuerRecordStore(kubernetes, loadSettings(process.env, ['namespace']).namespace);
}

/** As {@link readIssuers}. */
export async function listIssuers(store: Pick<IssuerRecordStore, 'read'>): Promise<readonly ListedIssuer[]> {
  const records = await store.read();
  return [...records]
    .map(([id, record]) => ({ id, ...record }))
    .sort((one, other) => Date.parse(other.since) - Date.parse(one.since));
}
