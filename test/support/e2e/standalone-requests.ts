/** Creates and changes standalone CertificateRequests as their users do. */
import { withHiveClient } from '../../../local/stack/management-cluster/clients.ts';
import { AWS } from '../../../local/stack/versions.ts';
import { type KubernetesObject, type ObjectKey } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { objectPath } from '../../../src/kubernetes/api/resource-path.ts';
import { CERTIFICATE_REQUESTS, NAMESPACES, SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import type { E2eCluster } from './clusters.ts';
import type { E2eHarness } from './harness.ts';

/** How a request differs from the default. */
export interface RequestOptions {
  /** Default: its own name. */
  readonly namespace?: string;
  /** Default `<name>-cert`. */
  readonly secretName?: string;
  /** Default: two names below `<name>.<zone>`. */
  readonly dnsNames?: readonly string[];
  /** Merged over the rest of the spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** Creates a request and the Secret with the credentials for its zone; no DNSZone. */
export async function createRequest(lab: E2eHarness, name: string, options: RequestOptions = {}): Promise<E2eCluster> {
  const namespace = options.namespace ?? name;
  const secretName = options.secretName ?? `${name}-cert`;
  const zone = lab.zone.name;
  const dnsNames = options.dnsNames ?? [`www.${name}.${zone}`, `*.${name}.${zone}`];
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, async (user) => {
    await user.apply([
      {
        path: objectPath(NAMESPACES, { name: namespace }),
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      },
    ]);
    await user.apply([
      {
        path: objectPath(SECRETS, { namespace, name: 'aws' }),
        body: {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { namespace, name: 'aws' },
          stringData: { aws_access_key_id: AWS.accessKeyId, aws_secret_access_key: AWS.secretAccessKey },
        },
      },
    ]);
    await user.apply([
      {
        path: objectPath(CERTIFICATE_REQUESTS, { namespace, name }),
        body: {
          apiVersion: 'certman.managed.openshift.io/v1alpha1',
          kind: 'CertificateRequest',
          metadata: { namespace, name },
          spec: {
            acmeDNSDomain: zone,
            certificateSecret: { name: secretName },
            dnsNames,
            email: 'owner@example.com',
            platform: { aws: { credentials: { name: 'aws' }, region: AWS.region } },
            ...options.spec,
          },
        },
      },
    ]);
  });
  const found = await lab.kubernetes.get(CERTIFICATE_REQUESTS, { namespace, name });
  return {
    namespace,
    name,
    bundleName: name,
    requestName: name,
    secretName,
    dnsNames,
    zone,
    identity: {
      managementCluster: 'hive',
      namespace,
      name,
      uid: found?.metadata.uid ?? '',
      kind: 'CertificateRequest',
    },
  };
}

/** JSON merge patch of a CertificateRequest. */
export async function patchRequest(lab: E2eHarness, { namespace, name }: E2eCluster, body: object): Promise<void> {
  const path = objectPath(CERTIFICATE_REQUESTS, { namespace, name });
  await withHiveClient(lab.stack.kubernetes.adminKubeconfig, (user) => user.mergePatch([{ path, body }]));
}

/** Deletes a CertificateRequest without waiting for its finalizer. */
export async function deleteRequest(lab: E2eHarness, { namespace, name }: ObjectKey): Promise<void> {
  await lab.kubernetes.delete(CERTIFICATE_REQUESTS, { name, namespace });
}

/** @returns a condition in the request's status. */
export function conditionOf(request: KubernetesObject | undefined, type: string) {
  const status = request?.['status'] as
    | {
        readonly conditions?: readonly {
          readonly type: string;
          readonly status: string;
          readonly reason: string;
          readonly message: string;
        }[];
      }
    | undefined;
  return status?.conditions?.find((condition) => condition.type === type);
}
