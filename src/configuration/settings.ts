/** Every setting: docs/configuration.md, `certman config` and the check at start are made from this table. */
import { RENEWAL_POLICIES } from '../certificates/planned-renewal.ts';
import { KUBERNETES_AND_AWS_SETTINGS, OPENTELEMETRY_SETTINGS, TEMPORAL_SDK_SETTINGS } from './external-settings.ts';
import { fallbackAccounts } from './fallback-accounts.ts';
import {
  buildId,
  deploymentName,
  directoryHost,
  dnsLabel,
  hostedZoneId,
  namespaceName,
  namespaceNames,
  networks,
  patchNames,
  profileName,
  secretName,
  workerIdentity,
  zoneName,
} from './name-formats.ts';
import { optional, type Setting, type SettingRow, withDefault } from './setting.ts';
import { stagingAccount } from './staging-account.ts';
import { statedLimits } from './stated-limits.ts';
import {
  authoritativeServers,
  caBundleFile,
  certificateFile,
  duration,
  flag,
  httpsUrl,
  listenAddress,
  listenIpAddress,
  listOf,
  number,
  oneOf,
  parseHttpsUrl,
  payloadKeyFolder,
  readableFile,
  secretLineFile,
  wholeNumber,
} from './values.ts';

const MANAGEMENT_CLUSTER = {
  managementCluster: withDefault('CERTMAN_MANAGEMENT_CLUSTER', dnsLabel, 'hive', {
    example: 'hive-prod-01',
    meaning:
      'Name of the management cluster, on which Hive runs, unique in the Temporal namespace. Part of every workflow ID and of the task queue: do not change it once certificates have been issued.',
  }),
  namespace: withDefault('CERTMAN_NAMESPACE', namespaceName, 'certman-operator', {
    example: 'certman-operator',
    meaning: 'Namespace of the ConfigMap `certman-operator` and of the Secret `lets-encrypt-account`.',
  }),
  watchNamespaces: optional('CERTMAN_WATCH_NAMESPACES', namespaceNames, {
    whenUnset: 'all',
    example: 'uhc-production-1a2b,my-team',
    meaning:
      'Namespaces, comma separated, of which ClusterDeployments and CertificateRequests are served; certman needs no rights in others. For some dozens: each has watches of its own.',
  }),
  decommissionLimitMs: withDefault('CERTMAN_DECOMMISSION_LIMIT', duration('1m', '8760h'), '24h', {
    example: '72h',
    meaning: 'How long failing operations of a decommission are retried before `CERTMAN_DECOMMISSION_POLICY` applies.',
  }),
  decommissionPolicy: withDefault('CERTMAN_DECOMMISSION_POLICY', oneOf('release', 'wait'), 'release', {
    example: 'wait',
    meaning:
      'After that limit, `release` removes the finalizer and records what was given up; `wait` keeps the finalizer until everything has succeeded.',
  }),
};

const CERTIFICATE_AUTHORITY = {
  acmeDirectoryUrl: optional('CERTMAN_ACME_DIRECTORY_URL', httpsUrl, {
    whenUnset: "Let's Encrypt production or staging, by the host of the account URL",
    example: 'https://acme-v02.api.letsencrypt.org/directory',
    meaning: 'Directory of the ACME CA (RFC 8555 §7.1.1).',
  }),
  caChangeAllowedTo: optional('CERTMAN_ALLOW_CA_CHANGE_TO', directoryHost, {
    whenUnset: 'none',
    example: 'acme-v02.api.letsencrypt.org',
    meaning:
      "Host of the ACME directory of the CA that may replace certificates of other CAs, with the path of the directory unless that is /directory or /dir. Without it, an account of another CA than the one that issued a certificate replaces nothing, unless that was Let's Encrypt's staging.",
  }),
  fallbackAccounts: optional('CERTMAN_FALLBACK_ACCOUNTS', fallbackAccounts, {
    whenUnset: 'none',
    example: 'google-account=https://dv.acme-v02.api.pki.goog/directory',
    meaning:
      'ACME accounts of other CAs, comma separated, that orders go to while those before fail: each is a Secret in `CERTMAN_NAMESPACE` and the directory of its CA. Check them with `certman ca check` (docs/ca-failover.md).',
  }),
  stagingAccount: optional('CERTMAN_STAGING_ACCOUNT', stagingAccount, {
    whenUnset: 'none',
    example: 'staging-account=https://acme-staging-v02.api.letsencrypt.org/directory',
    meaning:
      'ACME account of a staging CA: a Secret in `CERTMAN_NAMESPACE` and the directory of the CA. After an order has failed at the production CA by a challenge, a name or its content, the next one is proved there first (docs/staging-proof.md). Nothing that it issues is kept.',
  }),
  failoverAfterMs: withDefault('CERTMAN_FAILOVER_AFTER', duration('1s', '1d'), '15m', {
    example: '1h',
    meaning:
      'How long a CA must have failed, without a success between, before orders go to the next account; a tenth of it for a certificate that is about to expire.',
  }),
  acmeCaBundle: optional('CERTMAN_ACME_CA_BUNDLE', caBundleFile, {
    whenUnset: "Node's own roots",
    example: '/etc/certman/acme-ca.pem',
    meaning: 'PEM file of the CA certificates that the ACME server is verified with, for a private CA.',
  }),
  trustBundle: optional('CERTMAN_TRUST_BUNDLE', certificateFile, {
    whenUnset: "Node's own roots and `CERTMAN_ACME_CA_BUNDLE`; for Let's Encrypt's staging any root",
    example: '/etc/certman/trust.pem',
    meaning:
      'PEM file of the root certificates that clients of the clusters trust, instead of all others. A certificate whose chain leads to none of them is not installed. Read again when it changes.',
  }),
  hiveTrustCheck: withDefault('CERTMAN_HIVE_TRUST_CHECK', oneOf('on', 'off'), 'off', {
    example: 'on',
    meaning:
      'Whether the certificate of a control plane is installed only where Hive trusts it, by the admin kubeconfig of the cluster (docs/chain.md): `on` or `off`.',
  }),
  canaryClusters: withDefault('CERTMAN_CANARY_CLUSTERS', wholeNumber(0, 20), '0', {
    example: '2',
    meaning:
      'On how many clusters the first certificates of an issuer or root that the management cluster has not had are installed before the others follow (docs/chain.md). `0`: a new issuer has no canary.',
  }),
  canaryPeriodMs: withDefault('CERTMAN_CANARY_PERIOD', duration('1m', '7d'), '24h', {
    example: '4h',
    meaning: 'How long the others wait after the first of these clusters has its certificate.',
  }),
  caLimits: optional('CERTMAN_CA_LIMITS', statedLimits, {
    whenUnset: "Let's Encrypt's documented limits; none of other CAs",
    example: 'acme-v02.api.letsencrypt.org/orders=5000/7d,acme-v02.api.letsencrypt.org/example.com=1000/7d',
    meaning:
      "Rate limits of the ACME account that differ from those of the CA's documentation, comma separated, each `<CA>/<what>=<count>/<time>`: what the CA has granted, or what another CA than Let's Encrypt limits. `<CA>` is the host of the directory; `<what>` is `orders` (new orders of the account), `certificates` (below any registered domain), a registered domain (certificates below it), `exact-set` or `failed-authorizations` (of a name). Orders wait for their turn under these limits (docs/operations.md).",
  }),
  acmeProfile: optional('CERTMAN_ACME_PROFILE', profileName, {
    whenUnset: "the CA's default",
    example: 'tlsserver',
    meaning: 'Certificate profile requested in each order, one that the directory advertises.',
  }),
  renewalPolicy: withDefault('CERTMAN_RENEWAL_POLICY', oneOf(...RENEWAL_POLICIES), 'renew-before', {
    example: 'ari',
    meaning:
      'When certificates are renewed: `renew-before` (45 days before expiry, at most half of the lifetime) or `ari` (in the window that the CA suggests, RFC 9773: fewer renewals, exempt from the limits of the CA). A CertificateRequest can have another one by the annotation `certman.managed.openshift.io/renewal-policy` (docs/renewal.md).',
  }),
  restartsAtOnce: withDefault('CERTMAN_RESTARTS_AT_ONCE', wholeNumber(0, 1_000), '0', {
    example: '10',
    meaning:
      'How many planned renewals that restart the kube-apiserver of a cluster may start within `CERTMAN_RESTART_DURATION`, on this management cluster (docs/renewal-windows.md). `0`: any number.',
  }),
  restartDurationMs: withDefault('CERTMAN_RESTART_DURATION', duration('1m', '1d'), '30m', {
    example: '1h',
    meaning: 'How long a renewal counts as a restart.',
  }),
  keyType: withDefault('CERTMAN_KEY_TYPE', oneOf('rsa-2048', 'p-256', 'p-384'), 'rsa-2048', {
    example: 'p-256',
    meaning: 'Type of the private keys; every certificate gets a new key.',
  }),
  extraRecord: optional('CERTMAN_EXTRA_RECORD', dnsLabel, {
    whenUnset: 'none',
    example: 'rh-api',
    meaning: "An additional name, `<record>.<cluster>.<base domain>`, on the control plane's certificate.",
  }),
  crlCheck: withDefault('CERTMAN_CRL_CHECK', oneOf('on', 'off'), 'on', {
    example: 'off',
    meaning:
      'Whether certificates in use are checked against the CRLs of their CAs, each fetched every six hours or less often: `on` or `off`.',
  }),
  servedCheck: withDefault('CERTMAN_SERVED_CHECK', oneOf('on', 'off'), 'on', {
    example: 'off',
    meaning:
      'Whether clusters are probed by TLS handshakes for the certificates that they serve (docs/served.md): `on` or `off`.',
  }),
  servedCheckIntervalMs: withDefault('CERTMAN_SERVED_CHECK_INTERVAL', duration('10m', '7d'), '12h', {
    example: '6h',
    meaning: 'Interval between the probes of a cluster that serves its certificate.',
  }),
  servedWithinMs: withDefault('CERTMAN_SERVED_WITHIN', duration('1m', '30d'), '3h', {
    example: '6h',
    meaning:
      'Time from the installation of a certificate after which a cluster that does not serve it is a warning. Hive applies its SyncSets every two hours.',
  }),
  privateNetworks: optional('CERTMAN_PRIVATE_NETWORKS', networks, {
    whenUnset: 'none',
    example: '10.20.0.0/16,fd00:20::/32',
    meaning:
      'Networks, comma separated, that certman connects to although they are not public, where an address comes from data: the CRL that a certificate names, a host that the CA names, the name servers of a zone, the names of a cluster.',
  }),
};

const DNS = {
  dohResolvers: withDefault(
    'CERTMAN_DOH_RESOLVERS',
    listOf('https URLs, comma separated', parseHttpsUrl),
    'https://cloudflare-dns.com/dns-query,https://dns.google/dns-query',
    {
      example: 'https://dns.example.com/dns-query',
      meaning:
        'DNS-over-HTTPS resolvers (RFC 8484), comma separated, that must return the TXT records before the challenge is answered.',
    },
  ),
  dohCaBundle: optional('CERTMAN_DOH_CA_BUNDLE', caBundleFile, {
    whenUnset: "Node's own roots",
    example: '/etc/certman/doh-ca.pem',
    meaning: 'PEM file of the CA certificates that the resolvers are verified with.',
  }),
  dohQuorum: optional('CERTMAN_DOH_QUORUM', wholeNumber(1, 20), {
    whenUnset: 'more than half of them',
    example: '1',
    meaning: 'How many resolvers must return every record.',
  }),
  authoritativeServers: withDefault('CERTMAN_AUTHORITATIVE_SERVERS', authoritativeServers, 'auto', {
    example: '10.0.0.53:53,10.0.1.53:53',
    meaning:
      "Servers queried before the resolvers: `auto` (the zone's own name servers), `off` (where port 53 is closed), or a list of host:port.",
  }),
  preflight: withDefault('CERTMAN_PREFLIGHT', oneOf('on', 'off'), 'on', {
    example: 'off',
    meaning:
      'Whether the resolvers are asked before each order for what would make the CA refuse it: delegation, DNSSEC, CAA. `on`, or `off` where they see another DNS than the CA.',
  }),
  route53RequestsPerSecond: withDefault('CERTMAN_ROUTE53_REQUESTS_PER_SECOND', number(0.1, 10_000), '5', {
    example: '2.5',
    meaning: 'Route 53 requests per second and AWS account by this worker; AWS allows 5 for all callers together.',
  }),
  googleDnsRequestsPerSecond: withDefault('CERTMAN_GOOGLE_DNS_REQUESTS_PER_SECOND', number(0.1, 10_000), '5', {
    example: '10',
    meaning:
      'Google Cloud DNS requests per second and service account by this worker. Google limits the requests of one account in a minute; the console shows the quota.',
  }),
  azureDnsRequestsPerSecond: withDefault('CERTMAN_AZURE_DNS_REQUESTS_PER_SECOND', number(0.1, 10_000), '3', {
    example: '5',
    meaning:
      'Azure DNS requests per second, service principal and subscription by this worker. Azure allows 1,000 writes in five minutes to the networks of a subscription.',
  }),
  dnsBatchWindowMs: withDefault('CERTMAN_DNS_BATCH_WINDOW', duration('0ms', '10s'), '4s', {
    example: '1s',
    meaning:
      'How long a zone to which many orders write at once collects their changes into one request, at most; less where more requests a second are allowed: its changes take a twentieth of them. A single order never waits for others.',
  }),
  dnsSweep: withDefault('CERTMAN_DNS_SWEEP', oneOf('on', 'off'), 'on', {
    example: 'off',
    meaning:
      'Whether one worker searches all zones once a day for TXT records that a crash left behind, and removes those that are provably its own and of no use any more (docs/dns-sweep.md): `on` or `off`.',
  }),
  fedramp: withDefault('FEDRAMP', flag, 'false', {
    example: 'true',
    meaning:
      "FedRAMP mode: one hosted zone and certman's own AWS credentials serve all clusters. Needs `HOSTED_ZONE_ID`.",
  }),
  fedrampStandaloneRequests: withDefault('CERTMAN_FEDRAMP_STANDALONE_REQUESTS', flag, 'false', {
    example: 'true',
    meaning:
      'Whether FedRAMP mode also serves standalone CertificateRequests. Every user who can create one in any namespace can then get a certificate for any name in the zone.',
  }),
  ambientAwsCredentials: withDefault('CERTMAN_AMBIENT_AWS_CREDENTIALS', oneOf('labelled', 'all'), 'labelled', {
    example: 'all',
    meaning:
      "Which ClusterDeployments that name no AWS Secret use certman's own AWS credentials (the SDK's default chain): those in namespaces with the label `certman.managed.openshift.io/ambient-aws-credentials=true`, or `all`.",
  }),
  challengeZone: optional('CERTMAN_CHALLENGE_ZONE', zoneName, {
    whenUnset: 'none',
    example: 'acme.example.net',
    meaning:
      'Name of the zone in Route 53 that `_acme-challenge` records of ClusterDeployments may be delegated to by CNAME; certman puts their TXT records there with credentials of its own (docs/challenge-delegation.md).',
  }),
  challengeZoneId: optional('CERTMAN_CHALLENGE_ZONE_ID', hostedZoneId, {
    whenUnset: 'found by its name',
    example: 'Z0123456789ABCDEFGHIJ',
    meaning: 'Id of the hosted zone of the challenge zone; its credentials then need no right to list zones.',
  }),
  challengeZoneSecret: optional('CERTMAN_CHALLENGE_ZONE_SECRET', secretName, {
    whenUnset: "certman's own AWS credentials",
    example: 'certman-challenge-zone-credentials',
    meaning:
      'Secret in `CERTMAN_NAMESPACE` with the AWS credentials of the challenge zone: `aws_access_key_id` and `aws_secret_access_key`.',
  }),
  challengeZoneNamespaces: withDefault('CERTMAN_CHALLENGE_ZONE_NAMESPACES', oneOf('labelled', 'all'), 'labelled', {
    example: 'all',
    meaning:
      'Which ClusterDeployments may use the challenge zone: those in namespaces with the label `certman.managed.openshift.io/challenge-zone=true`, or `all`. Each of them can have a certificate for every name that is delegated to it.',
  }),
  acmeChallenge: withDefault('CERTMAN_ACME_CHALLENGE', oneOf('dns-01', 'dns-persist-01'), 'dns-01', {
    example: 'dns-persist-01',
    meaning:
      'How names of ClusterDeployments are proved. `dns-persist-01`, where the CA offers it: by a TXT record at `_validation-persist.<name>` that stays while the cluster lives, so that renewals change no DNS; else by `dns-01`. A holder of the key of the ACME account can then get certificates for these names (docs/persistent-validation.md).',
  }),
  persistentRecordsValidForMs: optional('CERTMAN_PERSISTENT_RECORDS_VALID_FOR', duration('30d', '3650d'), {
    whenUnset: 'without an end',
    example: '180d',
    meaning:
      'How long the CA accepts a persistent record at least (`persistUntil`). An order publishes it anew, once in this time.',
  }),
  hostedZoneId: optional('HOSTED_ZONE_ID', hostedZoneId, {
    whenUnset: 'none',
    example: 'Z0123456789ABCDEFGHIJ',
    meaning: 'The one hosted zone of FedRAMP mode.',
  }),
};

const STANDALONE_REQUESTS = {
  standaloneRequests: withDefault('CERTMAN_STANDALONE_REQUESTS', oneOf('on', 'off'), 'on', {
    example: 'off',
    meaning:
      'Whether CertificateRequests that no ClusterDeployment owns are served. With `off` their status says so, and nothing is ordered or renewed for them; a deletion still revokes what was issued.',
  }),
  standaloneOrdersPerDay: withDefault('CERTMAN_STANDALONE_ORDERS_PER_DAY', wholeNumber(1, 100_000), '50', {
    example: '200',
    meaning:
      'New certificates a day for the standalone CertificateRequests of one namespace, by each worker; further orders wait for their turn. Renewals, which are for the same names, do not count.',
  }),
};

const CONTROLLER = {
  resyncIntervalMs: withDefault('CERTMAN_RESYNC_INTERVAL', duration('1s', '1d'), '10m', {
    example: '5m',
    meaning:
      'Interval of the resync, which compares all objects of the management cluster with the desired state, beside the watches.',
  }),
};

const WORKER = {
  maxConcurrentActivities: withDefault('CERTMAN_MAX_CONCURRENT_ACTIVITIES', wholeNumber(2, 10_000), '100', {
    example: '50',
    meaning: 'Activities that one worker runs concurrently.',
  }),
  maxConcurrentWorkflowTasks: withDefault('CERTMAN_MAX_CONCURRENT_WORKFLOW_TASKS', wholeNumber(2, 1_000), '60', {
    example: '20',
    meaning:
      'Workflow tasks that one worker has at a time, its polls for them included. It runs one after the other, and Temporal repeats one that it has for 10 seconds: fewer, where a worker has a small part of a core.',
  }),
  maxCachedWorkflows: optional('CERTMAN_MAX_CACHED_WORKFLOWS', wholeNumber(0, 100_000), {
    whenUnset: "as many as fit into a sixteenth of the container's memory limit, 100 to 500; without a limit 500",
    example: '2000',
    meaning: 'Workflows that one worker keeps in memory, some 0.25 MB each; sleeping workflows need not be cached.',
  }),
  maxPollers: withDefault('CERTMAN_MAX_POLLERS', wholeNumber(2, 100), '20', {
    example: '5',
    meaning: 'Concurrent polls of the task queue, of each kind: workflow tasks and activities.',
  }),
  startTimeoutMs: withDefault('CERTMAN_START_TIMEOUT', duration('1s', '1d'), '15m', {
    example: '30m',
    meaning:
      'How long a worker that starts waits for Temporal, its namespace and the API server, each, before it ends with the reason. More than ten minutes: then Kubernetes starts it again without a growing delay.',
  }),
  shutdownGraceMs: withDefault('CERTMAN_SHUTDOWN_GRACE', duration('0s', '1h'), '20s', {
    example: '50s',
    meaning:
      "Time for running activities to finish after SIGTERM; at least 10 s less than the pod's terminationGracePeriodSeconds.",
  }),
  workflowBundle: optional('CERTMAN_WORKFLOW_BUNDLE', readableFile, {
    whenUnset: '`workflow-bundle.js` beside the built program, else it is bundled at start',
    example: '/app/lib/workflow-bundle.js',
    meaning: 'Workflow code bundled in advance (`npm run build` does).',
  }),
  heldBackPatches: optional('CERTMAN_HELD_BACK_PATCHES', patchNames, {
    whenUnset: 'none',
    example: 'renewal-batches',
    meaning:
      'Names of workflow changes, comma separated, that new runs start without: while they are held back, the previous version can be restored.',
  }),
  identity: optional('CERTMAN_IDENTITY', workerIdentity, {
    whenUnset: "the pod's name; outside a pod the process id and the host",
    example: 'certman-7c9f-abcde',
    meaning: "The worker's identity in the Web UI.",
  }),
};

const OBSERVABILITY = {
  metricsAddress: withDefault('CERTMAN_METRICS_ADDRESS', listenAddress, '0.0.0.0:8080', {
    example: '127.0.0.1:8080',
    meaning: 'Where `/metrics` is served.',
  }),
  probeAddress: withDefault('CERTMAN_PROBE_ADDRESS', listenAddress, '0.0.0.0:8081', {
    example: '127.0.0.1:8081',
    meaning: 'Where the probes `/healthz` and `/readyz` are served.',
  }),
  sdkMetricsAddress: withDefault('CERTMAN_SDK_METRICS_ADDRESS', listenIpAddress, '0.0.0.0:9464', {
    example: 'off',
    meaning: "Where the Temporal SDK's own metrics are served, or `off`.",
  }),
  logLevel: withDefault('CERTMAN_LOG_LEVEL', oneOf('trace', 'debug', 'info', 'warn', 'error'), 'info', {
    example: 'debug',
    meaning: 'Lowest severity that is logged.',
  }),
  logFormat: withDefault('CERTMAN_LOG_FORMAT', oneOf('json', 'text'), 'json', {
    example: 'text',
    meaning: '`json` (one record a line) or `text` (for people).',
  }),
};

const TEMPORAL = {
  temporalCompression: withDefault('CERTMAN_TEMPORAL_COMPRESSION', oneOf('auto', 'gzip', 'none'), 'auto', {
    example: 'none',
    meaning: 'Compression of requests to Temporal: `gzip`, `none`, or `auto`: none on the same machine.',
  }),
  allowPlaintextTemporal: withDefault('CERTMAN_ALLOW_PLAINTEXT_TEMPORAL', flag, 'false', {
    example: 'true',
    meaning:
      'Whether Temporal on another host may be reached without TLS. Everybody on the network between can then read and change everything that certman and Temporal exchange, an API key too.',
  }),
  temporalApiKey: optional('CERTMAN_TEMPORAL_API_KEY_FILE', secretLineFile, {
    whenUnset: '`TEMPORAL_API_KEY`, else none',
    example: '/etc/certman/temporal-api-key/api-key',
    meaning:
      'File of a mounted Secret with the API key for Temporal, instead of `TEMPORAL_API_KEY`. Read again when it changes, as are the files of `TEMPORAL_TLS_*_PATH`.',
  }),
  payloadKeys: optional('CERTMAN_PAYLOAD_KEYS', payloadKeyFolder, {
    whenUnset: 'payloads are not encrypted',
    example: '/etc/certman/payload-keys',
    meaning:
      'Folder of a mounted Secret with the AES-256 keys that encrypt what Temporal stores: a file for each key (its name is the id of the key, its content 32 bytes in base64), and a file `active` with the id of the one that encrypts. Read again when it changes.',
  }),
  requireEncryptedPayloads: withDefault('CERTMAN_REQUIRE_ENCRYPTED_PAYLOADS', flag, 'false', {
    example: 'true',
    meaning: 'Whether payloads that are not encrypted are refused. Needs `CERTMAN_PAYLOAD_KEYS`.',
  }),
  deploymentName: optional('TEMPORAL_DEPLOYMENT_NAME', deploymentName, {
    whenUnset: 'no versioning',
    example: 'certman',
    meaning: 'Worker Deployment of this worker; with `TEMPORAL_WORKER_BUILD_ID` it enables Worker Versioning.',
  }),
  buildId: optional('TEMPORAL_WORKER_BUILD_ID', buildId, {
    whenUnset: 'no versioning',
    example: '0.1.0-3f2a1b',
    meaning: 'Version of this worker in its Worker Deployment.',
  }),
};

/** By the key of its value in {@link SettingValues}. */
export const SETTINGS = {
  ...MANAGEMENT_CLUSTER,
  ...CERTIFICATE_AUTHORITY,
  ...DNS,
  ...STANDALONE_REQUESTS,
  ...CONTROLLER,
  ...WORKER,
  ...OBSERVABILITY,
  ...TEMPORAL,
};

/** Every setting by its heading, in the order of docs/configuration.md. */
export const SETTING_GROUPS: Readonly<Record<string, readonly SettingRow[]>> = {
  'Management cluster': Object.values(MANAGEMENT_CLUSTER),
  'Certificate authority': Object.values(CERTIFICATE_AUTHORITY),
  DNS: Object.values(DNS),
  'Standalone CertificateRequests': Object.values(STANDALONE_REQUESTS),
  Controller: Object.values(CONTROLLER),
  Worker: Object.values(WORKER),
  Observability: Object.values(OBSERVABILITY),
  Temporal: [...Object.values(TEMPORAL), ...TEMPORAL_SDK_SETTINGS],
  OpenTelemetry: OPENTELEMETRY_SETTINGS,
  'Kubernetes and AWS': KUBERNETES_AND_AWS_SETTINGS,
};

/** The value of each setting. */
export type SettingValues = {
  readonly [Key in keyof typeof SETTINGS]: (typeof SETTINGS)[Key] extends Setting<infer T> ? T : never;
};
