/**
 * Every setting of certman: its name, meaning, default, an example and how its text is read. The README's table,
 * `certman config` and the check at start are all made from this one table.
 */
import { parsePatchId } from '../contract/patches.ts';
import { ROUTE53_REQUESTS_PER_ACCOUNT } from '../rate-limit/limits.ts';
import { type AuthoritativeServers, parseAuthoritativeServers } from './authoritative-servers.ts';
import { optional, type Setting, withDefault } from './setting.ts';
import {
  type CaBundle,
  caBundleFile,
  decimal,
  duration,
  flag,
  listenAddress,
  listenIpAddress,
  listOf,
  oneOf,
  parseHttpsUrl,
  readableFile,
  text,
  value,
  wholeNumber,
} from './values.ts';

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export const SETTINGS = {
  managementCluster: withDefault(
    {
      name: 'CERTMAN_MANAGEMENT_CLUSTER',
      group: 'Management cluster',
      meaning:
        'Name of this hub, the management cluster on which Hive runs. Part of every workflow id; keep it for as long as the hub lives.',
      default: 'hive',
      example: 'hive-prod-01',
    },
    text('a DNS label: lower-case letters, digits and dashes, at most 63 characters', DNS_LABEL),
  ),
  namespace: withDefault(
    {
      name: 'CERTMAN_NAMESPACE',
      group: 'Management cluster',
      meaning: 'Namespace of the ConfigMap `certman-operator` and of the Secret `lets-encrypt-account`.',
      default: 'certman-operator',
      example: 'certman-operator',
    },
    text('the name of a namespace: lower-case letters, digits and dashes, at most 63 characters', DNS_LABEL),
  ),
  acmeDirectoryUrl: optional(
    {
      name: 'CERTMAN_ACME_DIRECTORY_URL',
      group: 'Certificate authority',
      meaning: 'Directory of the ACME CA (RFC 8555 §7.1.1).',
      whenUnset: "Let's Encrypt production or staging, by the host of the account URL",
      example: 'https://acme-v02.api.letsencrypt.org/directory',
    },
    value('an https URL', parseHttpsUrl),
  ),
  acmeCaBundle: optional<CaBundle>(
    {
      name: 'CERTMAN_ACME_CA_BUNDLE',
      group: 'Certificate authority',
      meaning: 'File of PEM certificates that the ACME server is trusted by, for a CA of your own.',
      whenUnset: "Node's own roots",
      example: '/etc/certman/acme-ca.pem',
    },
    caBundleFile(),
  ),
  acmeProfile: optional(
    {
      name: 'CERTMAN_ACME_PROFILE',
      group: 'Certificate authority',
      meaning: 'Certificate profile asked for in each order, one that the directory advertises.',
      whenUnset: "the CA's default",
      example: 'tlsserver',
    },
    text('a profile name: letters, digits, dashes, dots and underscores, at most 64', /^[\w.-]{1,64}$/),
  ),
  keyType: withDefault(
    {
      name: 'CERTMAN_KEY_TYPE',
      group: 'Certificate authority',
      meaning: 'Type of the private keys; a new key is made for every certificate.',
      default: 'rsa-2048',
      example: 'p-256',
    },
    oneOf('rsa-2048', 'p-256', 'p-384'),
  ),
  extraRecord: optional(
    {
      name: 'CERTMAN_EXTRA_RECORD',
      group: 'Certificate authority',
      meaning: 'One more name, `<record>.<cluster>.<base domain>`, on the certificate of the control plane.',
      whenUnset: 'none',
      example: 'rh-api',
    },
    text('a DNS label: lower-case letters, digits and dashes, at most 63 characters', DNS_LABEL),
  ),
  crlCheck: withDefault(
    {
      name: 'CERTMAN_CRL_CHECK',
      group: 'Certificate authority',
      meaning:
        "Whether the CAs' lists of revoked certificates (CRLs) are looked at, each every six hours or less often: `on` or `off`.",
      default: 'on',
      example: 'off',
    },
    oneOf('on', 'off'),
  ),
  dohResolvers: withDefault(
    {
      name: 'CERTMAN_DOH_RESOLVERS',
      group: 'DNS',
      meaning:
        'DNS-over-HTTPS resolvers (RFC 8484), comma separated, that must see the TXT records before the CA is asked to look.',
      default: 'https://cloudflare-dns.com/dns-query,https://dns.google/dns-query',
      example: 'https://dns.example.com/dns-query',
    },
    listOf('https URLs, comma separated', parseHttpsUrl),
  ),
  dohCaBundle: optional<CaBundle>(
    {
      name: 'CERTMAN_DOH_CA_BUNDLE',
      group: 'DNS',
      meaning: 'File of PEM certificates that the resolvers are trusted by.',
      whenUnset: "Node's own roots",
      example: '/etc/certman/doh-ca.pem',
    },
    caBundleFile(),
  ),
  dohQuorum: optional(
    {
      name: 'CERTMAN_DOH_QUORUM',
      group: 'DNS',
      meaning: 'How many resolvers must see every record.',
      whenUnset: 'more than half of them',
      example: '1',
    },
    wholeNumber(1, 20),
  ),
  authoritativeServers: withDefault<AuthoritativeServers>(
    {
      name: 'CERTMAN_AUTHORITATIVE_SERVERS',
      group: 'DNS',
      meaning:
        "Servers asked before the resolvers: `auto` (the zone's own name servers), `off` (where port 53 is closed), or a list of host:port.",
      default: 'auto',
      example: '10.0.0.53:53,10.0.1.53:53',
    },
    value('auto, off, or host:port entries, comma separated', parseAuthoritativeServers),
  ),
  route53RequestsPerSecond: withDefault(
    {
      name: 'CERTMAN_ROUTE53_REQUESTS_PER_SECOND',
      group: 'DNS',
      meaning:
        'Route 53 requests a second and AWS account that this worker makes; AWS allows 5 for all callers together.',
      default: `${ROUTE53_REQUESTS_PER_ACCOUNT.burst}`,
      example: '2.5',
    },
    decimal(0.1, 10_000),
  ),
  dnsBatchWindowMs: withDefault(
    {
      name: 'CERTMAN_DNS_BATCH_WINDOW',
      group: 'DNS',
      meaning: 'How long changes of one zone are collected into one Route 53 request.',
      default: '250ms',
      example: '100ms',
    },
    duration('0ms', '10s'),
  ),
  fedramp: withDefault(
    {
      name: 'FEDRAMP',
      group: 'DNS',
      meaning:
        "FedRAMP mode: one hosted zone and certman's own AWS credentials serve all clusters. Needs `HOSTED_ZONE_ID`.",
      default: 'false',
      example: 'true',
    },
    flag(),
  ),
  fedrampStandaloneRequests: withDefault(
    {
      name: 'CERTMAN_FEDRAMP_STANDALONE_REQUESTS',
      group: 'DNS',
      meaning:
        'Whether FedRAMP mode also serves CertificateRequests that stand alone. With it, whoever may create one in any namespace gets certificates for any name in the one zone.',
      default: 'false',
      example: 'true',
    },
    flag(),
  ),
  hostedZoneId: optional(
    {
      name: 'HOSTED_ZONE_ID',
      group: 'DNS',
      meaning: 'The one hosted zone of FedRAMP mode.',
      whenUnset: 'none',
      example: 'Z0123456789ABCDEFGHIJ',
    },
    text('the id of a hosted zone: capital letters and digits', /^(\/hostedzone\/)?[A-Z0-9]{1,32}$/),
  ),
  resyncIntervalMs: withDefault(
    {
      name: 'CERTMAN_RESYNC_INTERVAL',
      group: 'Controller',
      meaning: 'How often the whole hub is compared with what should be there, beside the watch.',
      default: '10m',
      example: '5m',
    },
    duration('1s', '1d'),
  ),
  maxConcurrentActivities: withDefault(
    {
      name: 'CERTMAN_MAX_CONCURRENT_ACTIVITIES',
      group: 'Worker',
      meaning: 'Activities that one worker runs at once.',
      default: '100',
      example: '50',
    },
    wholeNumber(2, 10_000),
  ),
  decommissionLimitMs: withDefault(
    {
      name: 'CERTMAN_DECOMMISSION_LIMIT',
      group: 'Management cluster',
      meaning:
        'How long what cannot be done at the deletion of a cluster is tried before `CERTMAN_DECOMMISSION_POLICY` decides.',
      default: '24h',
      example: '72h',
    },
    duration('1m', '8760h'),
  ),
  decommissionPolicy: withDefault(
    {
      name: 'CERTMAN_DECOMMISSION_POLICY',
      group: 'Management cluster',
      meaning:
        'What happens after that limit: `release` lets Hive go on and records what was left; `wait` holds the finalizer until all is done.',
      default: 'release',
      example: 'wait',
    },
    oneOf('release', 'wait'),
  ),
  maxConcurrentWorkflowTasks: withDefault(
    {
      name: 'CERTMAN_MAX_CONCURRENT_WORKFLOW_TASKS',
      group: 'Worker',
      meaning: 'Workflow tasks that one worker runs at once.',
      default: '40',
      example: '20',
    },
    wholeNumber(2, 1_000),
  ),
  maxCachedWorkflows: withDefault(
    {
      name: 'CERTMAN_MAX_CACHED_WORKFLOWS',
      group: 'Worker',
      meaning: 'Workflows that one worker keeps in memory, at some 0.3 MB each; sleeping ones need no place.',
      default: '500',
      example: '2000',
    },
    wholeNumber(0, 100_000),
  ),
  maxPollers: withDefault(
    {
      name: 'CERTMAN_MAX_POLLERS',
      group: 'Worker',
      meaning: 'Most concurrent polls of the task queue of each kind; the number follows the load.',
      default: '10',
      example: '5',
    },
    wholeNumber(2, 100),
  ),
  shutdownGraceMs: withDefault(
    {
      name: 'CERTMAN_SHUTDOWN_GRACE',
      group: 'Worker',
      meaning:
        "What running activities are given after SIGTERM; keep it below the pod's terminationGracePeriodSeconds by 10 s.",
      default: '20s',
      example: '50s',
    },
    duration('0s', '1h'),
  ),
  workflowBundle: optional(
    {
      name: 'CERTMAN_WORKFLOW_BUNDLE',
      group: 'Worker',
      meaning: 'Workflow code bundled beforehand (`npm run build` makes it).',
      whenUnset: '`lib/workflow-bundle.js` beside compiled code, else it is bundled at start',
      example: '/app/lib/workflow-bundle.js',
    },
    readableFile(),
  ),
  heldBackPatches: optional(
    {
      name: 'CERTMAN_HELD_BACK_PATCHES',
      group: 'Worker',
      meaning:
        'Names of workflow changes, comma separated, that new runs start without: while they are held back, the previous version can be restored.',
      whenUnset: 'none',
      example: 'renewal-batches',
    },
    listOf('names of lower-case words joined by hyphens', parsePatchId),
  ),
  identity: optional(
    {
      name: 'CERTMAN_IDENTITY',
      group: 'Worker',
      meaning: "The worker's name in the Web UI.",
      whenUnset: "the pod's name; outside a pod the process id and the host",
      example: 'certman-7c9f-abcde',
    },
    text('at most 200 printable characters', /^[\x21-\x7e]{1,200}$/),
  ),
  metricsAddress: withDefault(
    {
      name: 'CERTMAN_METRICS_ADDRESS',
      group: 'Observability',
      meaning: 'Where `/metrics`, `/healthz` and `/readyz` are served.',
      default: '0.0.0.0:8080',
      example: '127.0.0.1:8080',
    },
    listenAddress(),
  ),
  sdkMetricsAddress: withDefault(
    {
      name: 'CERTMAN_SDK_METRICS_ADDRESS',
      group: 'Observability',
      meaning: "Where the Temporal SDK's own metrics are served, or `off`.",
      default: '0.0.0.0:9464',
      example: 'off',
    },
    listenIpAddress(),
  ),
  logLevel: withDefault(
    {
      name: 'CERTMAN_LOG_LEVEL',
      group: 'Observability',
      meaning: 'Least severity that is logged.',
      default: 'info',
      example: 'debug',
    },
    oneOf('trace', 'debug', 'info', 'warn', 'error'),
  ),
  logFormat: withDefault(
    {
      name: 'CERTMAN_LOG_FORMAT',
      group: 'Observability',
      meaning: '`json` (a line each) or `text` (for eyes).',
      default: 'json',
      example: 'text',
    },
    oneOf('json', 'text'),
  ),
  temporalCompression: withDefault(
    {
      name: 'CERTMAN_TEMPORAL_COMPRESSION',
      group: 'Temporal',
      meaning: 'Compression towards Temporal: `gzip`, `none`, or `auto`: none on the same machine.',
      default: 'auto',
      example: 'none',
    },
    oneOf('auto', 'gzip', 'none'),
  ),
  deploymentName: optional(
    {
      name: 'TEMPORAL_DEPLOYMENT_NAME',
      group: 'Temporal',
      meaning:
        'Worker Deployment that this worker belongs to; with `TEMPORAL_WORKER_BUILD_ID` it turns Worker Versioning on.',
      whenUnset: 'no versioning',
      example: 'certman',
    },
    // The Temporal worker controller makes it of the names of a Kubernetes namespace and an object.
    text('a name of at most 127 letters, digits, dashes, slashes and underscores', /^[\w/-]{1,127}$/),
  ),
  buildId: optional(
    {
      name: 'TEMPORAL_WORKER_BUILD_ID',
      group: 'Temporal',
      meaning: 'Version of this worker in its Worker Deployment.',
      whenUnset: 'no versioning',
      example: '0.1.0-3f2a1b',
    },
    text('a name of at most 63 letters, digits, dashes, dots and underscores', /^[\w.-]{1,63}$/),
  ),
} as const;

export type SettingKey = keyof typeof SETTINGS;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table is frozen by its type, so these are its keys
export const SETTING_KEYS = Object.keys(SETTINGS) as readonly SettingKey[];

/** The value of each setting. */
export type SettingValues = {
  readonly [Key in SettingKey]: (typeof SETTINGS)[Key] extends Setting<infer T> ? T : never;
};
