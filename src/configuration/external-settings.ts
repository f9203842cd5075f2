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

/** Read by certman and OpenTelemetry's exporter. */
export const OPENTELEMETRY_SETTINGS: readonly SettingRow[] = [
  {
    name: 'OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    meaning: 'Collector that traces are exported to, by OTLP over HTTP (docs/tracing.md).',
    whenUnset: 'no traces',
    example: 'http://otel-collector.observability.svc:4318',
  },
  {
    name: 'OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES',
    meaning: 'Name and attributes of this service in its traces.',
    whenUnset: '`certman`, no attributes',
    example: 'OTEL_RESOURCE_ATTRIBUTES=k8s.cluster.name=hive',
  },
  {
    name: 'OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG',
    meaning:
      'Which traces are kept: `always_on`, `always_off` or `traceidratio`, the same with `parentbased_`, and the share for the ratio.',
    whenUnset: '`parentbased_always_on`, `1`',
    example: 'OTEL_TRACES_SAMPLER_ARG=0.1',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_TIMEOUT, OTEL_BSP_SCHEDULE_DELAY, OTEL_BSP_MAX_QUEUE_SIZE, OTEL_BSP_MAX_EXPORT_BATCH_SIZE',
    meaning: 'Milliseconds of an export and between two, and spans that wait for one and are in one.',
    whenUnset: '`5000`, `5000`, `2048`, `512`',
    example: 'OTEL_BSP_MAX_QUEUE_SIZE=8192',
  },
  {
    name: 'OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_EXPORTER_OTLP_CLIENT_*, OTEL_EXPORTER_OTLP_COMPRESSION',
    meaning: "The rest of the exporter's settings, and the same with `TRACES_` after `OTLP_`. Headers can be secret.",
    whenUnset: 'as there',
    example: 'OTEL_EXPORTER_OTLP_COMPRESSION=gzip',
  },
  {
    name: 'OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER',
    meaning: '`true` or `none`: no traces, whatever else is set.',
    whenUnset: '`false`, `otlp`',
    example: 'OTEL_SDK_DISABLED=true',
  },
];
