/**
 * The one place of versions, build recipes and flags of the local parts. The native stack (npm run stack), the tests and
 * docker-compose.yml all come from here; test/unit/local/compose.test.ts holds the last to it.
 */

/** Executables of the stack. `CERTMAN_LOCAL_<NAME>` (`kube-apiserver` → `CERTMAN_LOCAL_KUBE_APISERVER`) overrides each. */
export type ToolName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kubectl'
  | 'pebble'
  | 'moto'
  | 'coredns'
  | 'temporal'
  | 'temporal-test-server';

/** How an executable is made from the pinned files in `local/tools/<folder>`. */
export type Recipe =
  | {
      readonly kind: 'go';
      readonly folder: string;
      readonly package: string;
      /** Variables that the linker sets, so that the binary says its version. */
      readonly stamps: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'python'; readonly folder: string; readonly module: string }
  | { readonly kind: 'maven'; readonly folder: string; readonly mainClass: string };

export interface Tool {
  readonly name: ToolName;
  readonly version: string;
  readonly recipe: Recipe;
  /**
   * Processor seconds of a build with nothing cached, for the estimate; of a further program of the same module, the
   * seconds that it adds.
   */
  readonly buildCpuSeconds: number;
  /** How one found on the PATH is asked for its version; absent: none of the PATH is used. */
  readonly onPath?: { readonly command: string; readonly args: readonly string[]; readonly pattern: RegExp };
}

const KUBERNETES = '1.37.2';
const ETCD = '3.7.3';
const PEBBLE = '2.10.1';
const MOTO = '5.2.5';
const COREDNS = '1.15.0';
const TEMPORAL_CLI = '1.5.1';
const TEMPORAL_TEST_SERVER = '1.38.0';

export const TOOLS: { readonly [Name in ToolName]: Tool & { readonly name: Name } } = {
  etcd: {
    name: 'etcd',
    version: ETCD,
    recipe: { kind: 'go', folder: 'etcd', package: 'go.etcd.io/etcd/server/v3', stamps: {} },
    buildCpuSeconds: 50,
    onPath: { command: 'etcd', args: ['--version'], pattern: /etcd Version: (\S+)/ },
  },
  'kube-apiserver': {
    name: 'kube-apiserver',
    version: KUBERNETES,
    recipe: kubernetes('kube-apiserver'),
    buildCpuSeconds: 600,
    onPath: { command: 'kube-apiserver', args: ['--version'], pattern: /Kubernetes v(\S+)/ },
  },
  'kube-controller-manager': {
    name: 'kube-controller-manager',
    version: KUBERNETES,
    recipe: kubernetes('kube-controller-manager'),
    buildCpuSeconds: 120,
    onPath: { command: 'kube-controller-manager', args: ['--version'], pattern: /Kubernetes v(\S+)/ },
  },
  kubectl: {
    name: 'kubectl',
    version: KUBERNETES,
    recipe: kubernetes('kubectl'),
    buildCpuSeconds: 40,
    onPath: { command: 'kubectl', args: ['version', '--client'], pattern: /Client Version: v(\S+)/ },
  },
  pebble: {
    name: 'pebble',
    version: PEBBLE,
    recipe: {
      kind: 'go',
      folder: 'pebble',
      package: 'github.com/letsencrypt/pebble/v2/cmd/pebble',
      stamps: { 'main.version': PEBBLE },
    },
    buildCpuSeconds: 40,
    onPath: { command: 'pebble', args: ['-version'], pattern: /Pebble version: v?(\S+)/ },
  },
  moto: {
    name: 'moto',
    version: MOTO,
    recipe: { kind: 'python', folder: 'moto', module: 'moto.server' },
    buildCpuSeconds: 30,
  },
  coredns: {
    name: 'coredns',
    version: COREDNS,
    recipe: { kind: 'go', folder: 'coredns', package: 'certman.local/tools/coredns', stamps: {} },
    buildCpuSeconds: 45,
    onPath: { command: 'coredns', args: ['-version'], pattern: /CoreDNS-(\S+)/ },
  },
  temporal: {
    name: 'temporal',
    version: TEMPORAL_CLI,
    recipe: {
      kind: 'go',
      folder: 'temporal',
      package: 'github.com/temporalio/cli/cmd/temporal',
      stamps: { 'github.com/temporalio/cli/temporalcli.Version': TEMPORAL_CLI },
    },
    buildCpuSeconds: 220,
    onPath: { command: 'temporal', args: ['--version'], pattern: /temporal version (\S+)/ },
  },
  'temporal-test-server': {
    name: 'temporal-test-server',
    version: TEMPORAL_TEST_SERVER,
    recipe: { kind: 'maven', folder: 'temporal-test-server', mainClass: 'io.temporal.testserver.TestServer' },
    buildCpuSeconds: 15,
  },
};

export const ALL_TOOLS = Object.keys(TOOLS) as readonly ToolName[];

function kubernetes(program: string): Recipe {
  return {
    kind: 'go',
    folder: 'kubernetes',
    package: `k8s.io/kubernetes/cmd/${program}`,
    stamps: { 'k8s.io/component-base/version.gitVersion': `v${KUBERNETES}` },
  };
}

/** The same parts as published images, for docker-compose.yml. */
export const IMAGES = {
  temporal: `temporalio/temporal:${TEMPORAL_CLI}`,
  pebble: `ghcr.io/letsencrypt/pebble:${PEBBLE}`,
  moto: `motoserver/moto:${MOTO}`,
  coredns: `coredns/coredns:${COREDNS}`,
  etcd: `quay.io/coreos/etcd:v${ETCD}`,
  kubeApiServer: `registry.k8s.io/kube-apiserver:v${KUBERNETES}`,
  kubeControllerManager: `registry.k8s.io/kube-controller-manager:v${KUBERNETES}`,
  kubectl: `registry.k8s.io/kubectl:v${KUBERNETES}`,
} as const;

/** What the parts take for AWS credentials: moto knows no others, and none is worth keeping secret. */
export const AWS = { region: 'us-east-1', accessKeyId: 'AKIACERTMANLOCAL', secretAccessKey: 'certman-local' } as const;

/**
 * For the parts that are written in Go: memory for processor time, since all share two cores. Measured with 400 instead of
 * Go's 100: Pebble takes 23 % less of it for a certificate and 14 MiB more, Temporal 9 % less for a workflow and 200 MiB more.
 * The limit has them collect more often before it is a nuisance.
 */
export const GO_RUNTIME = { GOGC: '400', GOMEMLIMIT: '1GiB' } as const;

export const TEMPORAL_NAMESPACE = 'default';
/** The worker warns of less: it counts and looks back by closed workflows. */
export const TEMPORAL_RETENTION_DAYS = 30;

/** Where a part listens: `127.0.0.1` natively, `0.0.0.0` in a container. */
export interface ListenAddress {
  readonly host: string;
}

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

export interface ApiServerPaths {
  readonly etcdUrl: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** Signs the tokens of ServiceAccounts. */
  readonly serviceAccountKeyFile: string;
  readonly tokensFile: string;
  /** For what the server generates by itself. */
  readonly dataDir: string;
  /** Whom to write a line about for every request that they make; absent: nobody. */
  readonly audit?: { readonly policyFile: string; readonly logFile: string };
}

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
    // Tokens of years, so that a stack that is left running keeps working.
    '--service-account-max-token-expiration=87600h',
    '--authorization-mode=RBAC',
    `--token-auth-file=${at.tokensFile}`,
    // No controller makes the `default` ServiceAccount before the first object of a namespace.
    '--disable-admission-plugins=ServiceAccount',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--endpoint-reconciler-type=none',
    ...(at.audit === undefined
      ? []
      : [`--audit-policy-file=${at.audit.policyFile}`, `--audit-log-path=${at.audit.logFile}`]),
  ];
}

/** Content of an audit policy by which one user's requests are written down, each with verb and object and without its content. */
export function auditPolicy(user: string): object {
  return {
    apiVersion: 'audit.k8s.io/v1',
    kind: 'Policy',
    omitStages: ['RequestReceived'],
    rules: [{ level: 'Metadata', users: [user] }, { level: 'None' }],
  };
}

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

/** Profiles of the CA: lifetimes in seconds. */
export const PEBBLE_PROFILES: Readonly<Record<string, number>> = {
  default: 90 * DAY_S,
  'two-minutes': 120,
  'sixty-seconds': 60,
  d64: 64 * DAY_S,
  d45: 45 * DAY_S,
};

/** Names that the CA refuses, below these. */
export const PEBBLE_BLOCKED_DOMAINS: readonly string[] = ['blocked-domain.example'];

export interface PebbleConfiguration extends ListenAddress {
  readonly port: number;
  readonly managementPort: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** Seconds by name; default {@link PEBBLE_PROFILES}. */
  readonly profiles?: Readonly<Record<string, number>>;
  readonly blockedDomains?: readonly string[];
  /** Seconds in Retry-After; default 1. */
  readonly retryAfter?: number;
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
      externalAccountBindingRequired: false,
      domainBlocklist: at.blockedDomains ?? PEBBLE_BLOCKED_DOMAINS,
      retryAfter: { authz: seconds, order: seconds },
      keyAlgorithm: 'ecdsa',
      profiles: Object.fromEntries(
        profiles.map(([name, validityPeriod]) => [name, { description: `${validityPeriod} seconds`, validityPeriod }]),
      ),
    },
  };
}

export interface PebbleBehaviour {
  /** Every challenge is held to be met. */
  readonly alwaysValid?: boolean;
  /** Percent of nonces that are refused on purpose. Default 5, Pebble's own. */
  readonly nonceReject?: number;
  /** Percent of valid authorizations that are used again, at least one. Default 50, Pebble's own. */
  readonly authzReuse?: number;
}

export function pebbleEnvironment(behaviour: PebbleBehaviour = {}): Readonly<Record<string, string>> {
  return {
    PEBBLE_VA_NOSLEEP: '1',
    PEBBLE_WFE_NONCEREJECT: String(behaviour.nonceReject ?? 5),
    PEBBLE_AUTHZREUSE: String(behaviour.authzReuse ?? 50),
    ...(behaviour.alwaysValid === true ? { PEBBLE_VA_ALWAYS_VALID: '1' } : {}),
  };
}

/** @param at.dnsServer `host:port`, asked over TCP. */
export function pebbleFlags(at: { readonly configFile: string; readonly dnsServer?: string }): readonly string[] {
  return ['-config', at.configFile, ...(at.dnsServer === undefined ? [] : ['-dnsserver', at.dnsServer])];
}

export function motoFlags(at: ListenAddress & { readonly port: number }): readonly string[] {
  return ['-H', at.host, '-p', String(at.port)];
}

export interface CoreDnsConfiguration extends ListenAddress {
  readonly dnsPort: number;
  readonly dohPort: number;
  readonly certFile: string;
  readonly keyFile: string;
  /** Folder of a `<zone id>.conf` each, see {@link coreDnsZone}. */
  readonly zonesDir: string;
}

/** Content of the Corefile: zones by DNS, and by DoH just what DNS answers. */
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

/** One zone of Route 53, a second old at most. */
export function coreDnsZone(name: string, zoneId: string): string {
  return `route53 ${name}.:${zoneId} {\n  refresh 1s\n}\n`;
}

export function coreDnsFlags(at: { readonly corefile: string }): readonly string[] {
  return ['-conf', at.corefile];
}

/** The AWS SDKs' own variables; the `aws_endpoint` option of CoreDNS' plugin has no effect. */
export function awsEnvironment(endpoint: string): Readonly<Record<string, string>> {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: AWS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: AWS.secretAccessKey,
    AWS_REGION: AWS.region,
  };
}

/** An SOA that CoreDNS accepts (moto's own has no MNAME to speak of), by which nothing is remembered as absent for more than a second. */
export function soaRecordValue(zone: string): string {
  return `ns-1.${zone}. hostmaster.${zone}. 1 7200 900 1209600 1`;
}

export interface TemporalPorts {
  readonly port: number;
  readonly uiPort: number;
  readonly metricsPort: number;
}

export function temporalFlags(at: ListenAddress & TemporalPorts & { readonly dbFilename?: string }): readonly string[] {
  return [
    'server',
    'start-dev',
    `--ip=${at.host}`,
    `--port=${at.port}`,
    `--ui-port=${at.uiPort}`,
    `--metrics-port=${at.metricsPort}`,
    '--log-level=error',
    '--dynamic-config-value=system.enableActivityEagerExecution=true',
    ...(at.dbFilename === undefined ? [] : [`--db-filename=${at.dbFilename}`]),
  ];
}
