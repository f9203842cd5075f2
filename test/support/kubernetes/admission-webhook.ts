import type { KubernetesClient } from '../../../src/kubernetes/api/client.ts';
import type { ResourceType } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { CLUSTER_DEPLOYMENTS } from '../../../src/kubernetes/objects/resources.ts';

const WEBHOOKS: ResourceType = {
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural: 'validatingwebhookconfigurations',
  kind: 'ValidatingWebhookConfiguration',
};
const NAME = 'clusterdeployments.hive.test';

/** Hive's admission webhook for updates of a namespace's ClusterDeployments, which nothing answers. @returns its end. */
export async function breakAdmissionWebhook(admin: KubernetesClient, namespace: string): Promise<() => Promise<void>> {
  const metadata = { name: `${namespace}.${NAME}` };
  await admin.create(WEBHOOKS, {
    metadata,
    webhooks: [
      {
        name: NAME,
        clientConfig: { url: 'https://127.0.0.1:1/validate' },
        rules: [
          {
            apiGroups: [CLUSTER_DEPLOYMENTS.group],
            apiVersions: [CLUSTER_DEPLOYMENTS.version],
            resources: [CLUSTER_DEPLOYMENTS.plural],
            operations: ['UPDATE'],
          },
        ],
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  });
  return async () => {
    await admin.delete(WEBHOOKS, metadata);
  };
}
