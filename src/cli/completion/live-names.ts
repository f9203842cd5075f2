import type { KubernetesClient } from '../../kubernetes/api/client.ts';
import { loadKubeConfig } from '../../kubernetes/api/kube-config.ts';
import type { ResourceType } from '../../kubernetes/api/kubernetes-api.ts';
import { clusterOwnersOf } from '../../kubernetes/objects/certificate-request.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS, NAMESPACES } from '../../kubernetes/objects/resources.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { readContextNamespace, withKubernetes } from '../kubernetes-client.ts';
import type { LiveNames } from './candidates.ts';

const MAX_NAMES = 500;
/** Longer than that, a person has typed the name. */
const TIMEOUT_MS = 2_000;

/** From the API server of the kubeconfig. */
export const liveNames: LiveNames = {
  namespaces: (given) => orNone(() => list(connectionIn(given), NAMESPACES)),
  contexts: (given) =>
    orNone(() => Promise.resolve(loadKubeConfig({ path: given.get('kubeconfig') }).contexts.map(({ name }) => name))),
  clusters: (given, word) =>
    orNone(async () => {
      const connection = connectionIn(given);
      const slash = word.indexOf('/');
      const inWord = slash < 0 ? undefined : word.slice(0, slash);
      const namespace = inWord ?? given.get('namespace') ?? readContextNamespace(connection);
      const names = [
        ...(await orNone(() => list(connection, CLUSTER_DEPLOYMENTS, namespace))),
        ...(await orNone(() => list(connection, CERTIFICATE_REQUESTS, namespace))),
      ];
      return inWord === undefined ? names : names.map((name) => `${inWord}/${name}`);
    }),
};

function connectionIn(given: ReadonlyMap<string, string>): KubeConnection {
  return { kubeconfig: given.get('kubeconfig'), context: given.get('context') };
}

async function list(
  connection: KubeConnection,
  resource: ResourceType,
  namespace?: string,
): Promise<readonly string[]> {
  const read = async (kubernetes: KubernetesClient): Promise<readonly string[]> => {
    const names: string[] = [];
    const api = kubernetes.withSignal(AbortSignal.timeout(TIMEOUT_MS));
    for await (const { metadata } of api.list(resource, { namespace, metadataOnly: true })) {
      if (resource === CERTIFICATE_REQUESTS && clusterOwnersOf(metadata).length > 0) continue;
      names.push(metadata.name);
      if (names.length >= MAX_NAMES) break;
    }
    return names;
  };
  return await withKubernetes(read, connection);
}

/** A completion says nothing of what is wrong: the command itself does. */
async function orNone(read: () => Promise<readonly string[]>): Promise<readonly string[]> {
  try {
    return await read();
  } catch {
    return [];
  }
}
