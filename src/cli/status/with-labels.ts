import type { KubeConnection } from '../kubectl-options.ts';
import type { Selection } from '../selection.ts';
import type { FleetRow } from './status-view.ts';

/** The rows of clusters with the labels of a selection, which only the API server knows. @throws CertmanError `kubernetes/…` */
export async function withLabels(
  clusters: readonly FleetRow[],
  selection: Selection,
  connection: KubeConnection,
): Promise<readonly FleetRow[]> {
  const [{ withKubernetes }, { selectObjects }] = await Promise.all([
    import('../kubernetes-client.ts'),
    import('../select-objects.ts'),
  ]);
  const selected = new Set<string>();
  await withKubernetes(async (kubernetes) => {
    for await (const { namespace, name } of selectObjects(kubernetes, selection)) selected.add(`${namespace}/${name}`);
  }, connection);
  return clusters.filter(({ cluster }) => selected.has(cluster));
}
