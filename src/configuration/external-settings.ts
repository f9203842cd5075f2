import type { SettingRow } from './setting.ts';

/** Read by Temporal's SDK. */
export const TEMPORAL_SDK_SETTINGS: readonly SettingRow[] = [
  {
    name: 'TEMPORAL_ADDRESS',
    meaning: "Address of Temporal's frontend.",
    whenUnset: '`localhost:7233`',
    example: 'temporal-frontend.temporal:7233',
  },
  {
    name: 'TEMPORAL_NAMESPACE',
    meaning: 'Temporal namespace. Its retention should be 30 days or more.',
    whenUnset: '`default`',
    example: 'certman',
  },
  {
    name: 'TEMPORAL_API_KEY, TEMPORAL_TLS, TEMPORAL_TLS_*, TEMPORAL_GRPC_META_*, TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE',
    meaning: "The rest of Temporal's environment configuration, as the `temporal` CLI reads it.",
    whenUnset: 'as there',
    example: 'TEMPORAL_TLS_CLIENT_CERT_PATH=/tls/tls.crt',
  },
];

/** Read by the Kubernetes client and the AWS SDK. */
export const KUBERNETES_AND_AWS_SETTINGS: readonly SettingRow[] = [
  {
    name: 'KUBECONFIG',
    meaning: "Kubeconfig of the management cluster; in a pod the ServiceAccount's token is used.",
    whenUnset: '`~/.kube/config`, else the pod',
    example: '/home/me/.kube/management-cluster',
  },
  {
    name: 'AWS_*',
    meaning:
      "The AWS SDK's own settings, such as `AWS_ENDPOINT_URL`, and the default credential chain. certman's own credentials are used in the AWS partition (commercial, GovCloud, China, European Sovereign Cloud) of `AWS_REGION`.",
    whenUnset: 'as there; Route 53 of the commercial partition',
    example: 'AWS_REGION=us-gov-west-1',
  },
];
