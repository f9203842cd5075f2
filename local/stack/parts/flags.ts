/** Flags, environment and configuration files of the parts, for the native stack and docker-compose.yml. */
import { AWS } from '../versions.ts';

/** Where a part listens: `127.0.0.1` natively, `0.0.0.0` in a container. */
export interface ListenAddress {
  readonly host: string;
}

/** Flags of etcd. */
export function etcdFlags(
  at: ListenAddress & { readonly client: number; readonly peer: number; readonly dataDir: string },
) {
  const [client, peer] = [`http://${at.host}:${at.client}`, `http://${at.host}:${at.peer}`];
  return [
    `--data-dir=${at.dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    '--unsafe-no-fsync',
    '--log-level=warn',
  ];
}

/** Files of the API server, and its store. */
export interface ApiServerPaths {
  readonly etcdUrl: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Signs the tokens of ServiceAccounts. */
  readonly serviceAccountKeyFile: string;
  readonly tokensFile: string;
  /** For certificates that the server generates. */
  readonly dataDir: string;
  /** Writes a line for each request of the policy's user; absent for no audit log. */
  readonly audit?: { readonly policyFile: string; readonly logFile: string };
}

/** Flags of kube-apiserver. */
export function apiServerFlags(at: ListenAddress & ApiServerPaths & { readonly port: number }): readonly string[] {
  return [
    `--etcd-servers=${at.etcdUrl}`,
    `--secure-port=${at.port}`,
    `--bind-address=${at.host}`,
    `--tls-cert-file=${at.certFile}`,
    `--tls-private-key-file=${at.keyFile}`,
    `--cert-dir=${at.dataDir}`,
    `--service-account-key-file=${at.serviceAccountKeyFile}`,
    `--service-account-signing-key-file=${at.serviceAccountKeyFile}`,
    '--service-account-issuer=https://kubernetes.default.svc',
    // Tokens of years, for stacks that run for long.
    '--service-account-max-token-expiration=87600h',
    '--authorization-mode=RBAC',
    `--token-auth-file=${at.tokensFile}`,
    // No controller creates the `default` ServiceAccount before the first object of a namespace.
    '--disable-admission-plugins=ServiceAccount',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--endpoint-reconciler-type=none',
    ...(at.audit === undefined
      ? []
      : [`--audit-policy-file=${at.audit.policyFile}`, `--audit-log-path=${at.audit.logFile}`]),
  ];
}

/** Audit policy that logs one user's requests with verb and object, without content. */
export function auditPolicy(user: string): object {
  return {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', users: [user] }, { level: 'None' }],
  };
}

/** Flags of kube-controller-manager. */
export function controllerManagerFlags(
  at: ListenAddress & { readonly port: number; readonly kubeconfig: string; readonly dataDir: string },
): readonly string[] {
  return [
    `--kubeconfig=${at.kubeconfig}`,
    '--controllers=garbage-collector-controller,namespace-controller,serviceaccount-controller',
    '--leader-elect=false',
    `--secure-port=${at.port}`,
    `--bind-address=${at.host}`,
    `--cert-dir=${at.dataDir}`,
  ];
}

const DAY_S = 86_400;

/** Profiles of the CA and their lifetimes in seconds. */
export const PEBBLE_PROFILES: Readonly<Record<string, number>> = {
  default: 90 * DAY_S,
  'two-minutes': 120,
  'sixty-seconds': 60,
  d64: 64 * DAY_S,
  d45: 45 * DAY_S,
};

/** Domains below which the CA rejects names. */
export const PEBBLE_BLOCKED_DOMAINS: readonly string[] = ['blocked-domain.example'];

/** What {@link pebbleConfiguration} is built from. */
export interface PebbleConfiguration extends ListenAddress {
  readonly port: number;
  readonly managementPort: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** Lifetimes in seconds by name; default {@link PEBBLE_PROFILES}. */
  readonly profiles?: Readonly<Record<string, number>>;
  readonly blockedDomains?: readonly string[];
  /** Seconds in Retry-After; default 1. */
  readonly retryAfter?: number;
  /** Accounts need one of these HMAC keys (base64url), by key id (RFC 8555 §7.3.4). Default: none needed. */
  readonly externalAccounts?: Readonly<Record<string, string>> | undefined;
}

/** Content of Pebble's configuration file. */
export function pebbleConfiguration(at: PebbleConfiguration): object {
  const profiles = Object.entries(at.profiles ?? PEBBLE_PROFILES);
  const seconds = at.retryAfter ?? 1;
  return {
    pebble: {
      listenAddress: `${at.host}:${at.port}`,
      managementListenAddress: `${at.host}:${at.managementPort}`,
      certificate: at.certFile,
      privateKey: at.keyFile,
      httpPort: 5002,
      tlsPort: 5001,
      ocspResponderURL: '',
      externalAccountBindingRequired: at.externalAccounts !== undefined,
      ...(at.externalAccounts && { externalAccountMACKeys: at.externalAccounts }),
      domainBlocklist: at.blockedDomains ?? PEBBLE_BLOCKED_DOMAINS,
      retryAfter: { authz: seconds, order: seconds },
      keyAlgorithm: 'ecdsa',
      profiles: Object.fromEntries(
        profiles.map(([name, validityPeriod]) => [name, { description: `${validityPeriod} seconds`, validityPeriod }]),
      ),
    },
  };
}

/** Deviations of Pebble's behaviour. */
export interface PebbleBehaviour {
  /** Accepts every challenge without validation. */
  readonly alwaysValid?: boolean;
  /** Percent of nonces that Pebble rejects. Default 5, as Pebble's. */
  readonly nonceReject?: number;
  /** Percent of valid authorizations that Pebble reuses. Default 50, as Pebble's. */
  readonly authzReuse?: number;
  /** Roots beside the first one, each with an alternate chain (RFC 8555 §7.4.2). Default 0. */
  readonly alternateRoots?: number;
  /** Certificates between a leaf and its root. Default 1. */
  readonly chainLength?: number;
}

/** Environment of Pebble. */
export function pebbleEnvironment(behaviour: PebbleBehaviour = {}): Readonly<Record<string, string>> {
  return {
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_WFE_NONCEREJECT: String(behaviour.nonceReject ?? 5),
    PEBBLE_AUTHZREUSE: String(behaviour.authzReuse ?? 50),
    ...(behaviour.alwaysValid === true ? { PEBBLE_VA_ALWAYS_VALID: '1' } : {}),
    ...(behaviour.alternateRoots === undefined ? {} : { PEBBLE_ALTERNATE_ROOTS: String(behaviour.alternateRoots) }),
    ...(behaviour.chainLength === undefined ? {} : { PEBBLE_CHAIN_LENGTH: String(behaviour.chainLength) }),
  };
}

/** Flags of Pebble. @param at.dnsServer `host:port`, queried over TCP. */
export function pebbleFlags(at: { readonly configFile: string; readonly dnsServer?: string }): readonly string[] {
  return ['-config', at.configFile, ...(at.dnsServer === undefined ? [] : ['-dnsserver', at.dnsServer])];
}

/** Flags of moto. */
export function motoFlags(at: ListenAddress & { readonly port: number }): readonly string[] {
  return ['-H', at.host, '-p', String(at.port)];
}

/** What {@link corefile} is built from. */
export interface CoreDnsConfiguration extends ListenAddress {
  readonly dnsPort: number;
  readonly dohPort: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** Folder of one `<zone id>.conf` per zone, see {@link coreDnsZone}. */
  readonly zonesDir: string;
}

/** Content of the Corefile: the zones by DNS, and the same by DoH. */
export function corefile(at: CoreDnsConfiguration): string {
  return `.:${at.dnsPort} {
  bind ${at.host}
  errors {
    consolidate 5m "no next plugin found"
  }
  import ${at.zonesDir}/*.conf
}
https://.:${at.dohPort} {
  bind ${at.host}
  errors
  tls ${at.certFile} ${at.keyFile}
  forward . 127.0.0.1:${at.dnsPort}
}
`;
}

/** Configuration of one zone, read from Route 53 every second. */
export function coreDnsZone(name: string, zoneId: string): string {
  return `route53 ${name}.:${zoneId} {\n  refresh 1s\n}\n`;
}

/** Flags of CoreDNS. */
export function coreDnsFlags(at: { readonly corefile: string }): readonly string[] {
  return ['-conf', at.corefile];
}

/** Variables of the AWS SDKs; the option `aws_endpoint` of CoreDNS's plugin has no effect. */
export function awsEnvironment(endpoint: string): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: AWS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: AWS.secretAccessKey,
    AWS_REGION: AWS.region,
  };
}

/** Value of an SOA that CoreDNS accepts, unlike moto's, which lacks an MNAME. Negative caching lasts one second (RFC 2308 §5). */
export function soaRecordValue(zone: string): string {
  return `ns-1.${zone}. hostmaster.${zone}. 1 7200 900 1209600 1`;
}

/** Ports of the development server. */
export interface TemporalPorts {
  readonly port: number;
  readonly uiPort: number;
  readonly metricsPort: number;
}

/** Address and options of the development server. */
interface TemporalConfiguration extends ListenAddress, TemporalPorts {
  readonly dbFilename?: string;
  readonly cachesSearchAttributes?: true;
}

/** Flags of the Temporal CLI for the development server. */
export function temporalFlags(at: TemporalConfiguration): readonly string[] {
  return [
    'server',
    'start-dev',
    `--ip=${at.host}`,
    `--port=${at.port}`,
    `--ui-port=${at.uiPort}`,
    `--metrics-port=${at.metricsPort}`,
    '--log-level=error',
    '--dynamic-config-value=system.enableActivityEagerExecution=true',
    '--dynamic-config-value=matching.useNewMatcher=true',
    ...(at.cachesSearchAttributes === true
      ? ['--dynamic-config-value=system.forceSearchAttributesCacheRefreshOnRead=false']
      : []),
    ...(at.dbFilename === undefined ? [] : [`--db-filename=${at.dbFilename}`]),
  ];
}

/** A service of the Temporal server. */
type TemporalService = 'frontend' | 'history' | 'matching' | 'worker';

/** What {@link temporalServerConfiguration} is built from. */
export interface TemporalServerConfiguration {
  readonly ports: Readonly<Record<TemporalService | `${TemporalService}Membership` | 'metrics', number>>;
  readonly postgresPort: number;
  readonly postgresUser: string;
  readonly dynamicConfigurationFile: string;
}

/** Of Temporal's Helm chart; cannot be changed later. */
const HISTORY_SHARDS = 512;

/** Content of the Temporal server's configuration file: all services in one process, on loopback. */
export function temporalServerConfiguration(at: TemporalServerConfiguration): object {
  const store = (databaseName: string, maxConns: number): object => ({
    sql: {
      pluginName: 'postgres12',
      databaseName,
      connectAddr: `127.0.0.1:${at.postgresPort}`,
      connectProtocol: 'tcp',
      user: at.postgresUser,
      maxConns,
      maxIdleConns: maxConns,
      maxConnLifetime: '1h',
    },
  });
  const service = (name: TemporalService): object => ({
    rpc: { grpcPort: at.ports[name], membershipPort: at.ports[`${name}Membership`], bindOnLocalHost: true },
  });
  return {
    log: { stdout: true, level: 'warn' },
    persistence: {
      defaultStore: 'default',
      visibilityStore: 'visibility',
      numHistoryShards: HISTORY_SHARDS,
      datastores: { default: store('temporal', 20), visibility: store('temporal_visibility', 10) },
    },
    global: {
      membership: { maxJoinDuration: '30s', broadcastAddress: '127.0.0.1' },
      metrics: { prometheus: { timerType: 'histogram', listenAddress: `127.0.0.1:${at.ports.metrics}` } },
    },
    services: {
      frontend: service('frontend'),
      history: service('history'),
      matching: service('matching'),
      worker: service('worker'),
    },
    clusterMetadata: {
      enableGlobalNamespace: false,
      failoverVersionIncrement: 10,
      masterClusterName: 'active',
      currentClusterName: 'active',
      clusterInformation: {
        active: {
          enabled: true,
          initialFailoverVersion: 1,
          rpcName: 'frontend',
          rpcAddress: `127.0.0.1:${at.ports.frontend}`,
        },
      },
    },
    dcRedirectionPolicy: { policy: 'noop' },
    archival: { history: { state: 'disabled' }, visibility: { state: 'disabled' } },
    namespaceDefaults: { archival: { history: { state: 'disabled' }, visibility: { state: 'disabled' } } },
    dynamicConfigClient: { filepath: at.dynamicConfigurationFile, pollInterval: '1m' },
  };
}

/** Content of its dynamic configuration: the server's defaults, but for what docs/operations.md asks for. */
export function temporalServerDynamicConfiguration(): object {
  return {
    'system.enableActivityEagerExecution': [{ value: true }],
    'matching.useNewMatcher': [{ value: true }],
  };
}
