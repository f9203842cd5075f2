import type { SettingDescription } from './setting.ts';

/** Settings that the Temporal, Kubernetes and AWS SDKs read; certman's list of settings includes them. */
export const EXTERNAL_SETTINGS: readonly SettingDescription[] = [
  {
    name: 'TEMPORAL_ADDRESS',
    group: 'Temporal',
    meaning: "Address of Temporal's frontend.",
    whenUnset: '`localhost:7233`',
    example: 'temporal-frontend.temporal:7233',
  },
  {
    name: 'TEMPORAL_NAMESPACE',
    group: 'Temporal',
    meaning: 'Temporal namespace. Its retention should be 30 days or more.',
    whenUnset: '`default`',
    example: 'certman',
  },
  {
    name: 'TEMPORAL_API_KEY, TEMPORAL_TLS, TEMPORAL_TLS_*, TEMPORAL_GRPC_META_*, TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE',
    group: 'Temporal',
    meaning: "The rest of Temporal's environment configuration, as the `temporal` CLI reads it.",
    whenUnset: 'as there',
    example: 'TEMPORAL_TLS_CLIENT_CERT_PATH=/tls/tls.crt',
  },
  {
    name: 'KUBECONFIG',
    group: 'Kubernetes and AWS',
    meaning: "Kubeconfig of the management cluster; in a pod the ServiceAccount's token is used.",
    whenUnset: '`~/.kube/config`, else the pod',
    example: '/home/me/.kube/management-cluster',
  },
  {
    name: 'AWS_*',
    group: 'Kubernetes and AWS',
    meaning:
      "The AWS SDK's own settings, such as `AWS_REGION` and `AWS_ENDPOINT_URL`, and the default credential chain.",
    whenUnset: 'as there',
    example: 'AWS_REGION=us-east-1',
  },
];
