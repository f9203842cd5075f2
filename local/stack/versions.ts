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

/** The parts of the stack, in the order in which they can be understood. */
export const PART_NAMES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'moto',
  'coredns',
  'pebble',
  'temporal',
] as const;

export type PartName = (typeof PART_NAMES)[number];
