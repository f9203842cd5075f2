import type { RequestObservation } from '../../src/contract/activities/kubernetes.ts';
import { knownFactsOf } from '../../src/contract/evaluation.ts';
import { applyCertificateRequest } from '../activities.ts';
import type { Bundle } from './bundle.ts';

/** An activity for this bundle: where it failed among others, and in runs that started without `BUNDLES_TOGETHER`. */
export async function observeAlone({ cluster, name, record }: Bundle): Promise<RequestObservation> {
  const { requestUid } = record;
  const planBy = knownFactsOf(record);
  return await applyCertificateRequest({ cluster: cluster.view.identity, bundleName: name, requestUid, planBy });
}
