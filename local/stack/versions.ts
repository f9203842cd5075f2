/**
 * Versions and build recipes of the local parts, for the native stack, the tests and docker-compose.yml, which
 * test/unit/local/compose.test.ts compares with this.
 */

/** Executables. `CERTMAN_LOCAL_<NAME>` names another one (`kube-apiserver` → `CERTMAN_LOCAL_KUBE_APISERVER`). */
export type ToolName =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kubectl'
  | 'helm'
  | 'pebble'
  | 'moto'
  | 'coredns'
  | 'temporal'
  | 'temporal-server'
  | 'temporal-sql-tool'
  | 'temporal-test-server'
  | 'promtool'
  | 'prometheus';

/** How an executable is built from the pinned files in `local/tools/<folder>`. */
export type Recipe =
  | {
      readonly kind: 'go';
      readonly folder: string;
      readonly package: string;
      /** Variables that the linker sets, such as the version that the program prints. */
      readonly stamps: Readonly<Record<string, string>>;
      /** Build constraints that hold, the same for all programs of a folder. */
      readonly tags?: readonly string[];
    }
  /** The script is one of the pinned files. */
  | { readonly kind: 'python'; readonly folder: string; readonly script: string }
  | { readonly kind: 'maven'; readonly folder: string; readonly mainClass: string };

/** An executable, its version and how to get it. */
export interface Tool {
  readonly name: ToolName;
  readonly version: string;
  readonly recipe: Recipe;
  /** CPU seconds of a build without a cache; for a further program of the same module, the seconds that it adds. */
  readonly buildCpuSeconds: number;
  /** How to read the version of one on the PATH; absent when one on the PATH is never used. */
  readonly onPath?: { readonly command: string; readonly args: readonly string[]; readonly pattern: RegExp };
}

const KUBERNETES = '1.37.2';
/** Newer ones need newer modules than Kubernetes' build, which then compiles them twice: docs/decisions/helm-chart.md */
const HELM = '4.2.4';
const ETCD = '3.7.3';
const PEBBLE = '2.10.1';
const MOTO = '5.2.5';
const COREDNS = '1.15.0';
const TEMPORAL_CLI = '1.5.1';
/** The one that the CLI embeds, so that one go.mod pins both and one build makes both. */
const TEMPORAL_SERVER = '1.29.1';
const TEMPORAL_TEST_SERVER = '1.38.0';
/** Its tags in Go are v0.311.3. Not newer than its packages that the API server has too, which are then compiled once. */
const PROMETHEUS = '3.11.3';

/** Every tool by name. */
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
  helm: {
    name: 'helm',
    version: HELM,
    recipe: {
      kind: 'go',
      folder: 'helm',
      package: 'helm.sh/helm/v4/cmd/helm',
      stamps: { 'helm.sh/helm/v4/internal/version.version': `v${HELM}` },
    },
    // Most of its packages are those of kubectl.
    buildCpuSeconds: 40,
    onPath: { command: 'helm', args: ['version', '--short'], pattern: /^v([^+\s]+)/ },
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
    recipe: { kind: 'python', folder: 'moto', script: 'server.py' },
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
  'temporal-server': {
    name: 'temporal-server',
    version: TEMPORAL_SERVER,
    recipe: { kind: 'go', folder: 'temporal', package: 'go.temporal.io/server/cmd/server', stamps: {} },
    buildCpuSeconds: 60,
    onPath: { command: 'temporal-server', args: ['--version'], pattern: /version (\S+)/ },
  },
  'temporal-sql-tool': {
    name: 'temporal-sql-tool',
    version: TEMPORAL_SERVER,
    recipe: { kind: 'go', folder: 'temporal', package: 'go.temporal.io/server/cmd/tools/sql', stamps: {} },
    buildCpuSeconds: 10,
    onPath: { command: 'temporal-sql-tool', args: ['--version'], pattern: /version (\S+)/ },
  },
  'temporal-test-server': {
    name: 'temporal-test-server',
    version: TEMPORAL_TEST_SERVER,
    recipe: { kind: 'maven', folder: 'temporal-test-server', mainClass: 'io.temporal.testserver.TestServer' },
    buildCpuSeconds: 15,
  },
  promtool: {
    name: 'promtool',
    version: PROMETHEUS,
    recipe: {
      kind: 'go',
      folder: 'prometheus',
      package: 'github.com/prometheus/prometheus/cmd/promtool',
      stamps: { 'github.com/prometheus/common/version.Version': PROMETHEUS },
      // Tests of rules discover nothing: without the SDKs of all clouds, the build takes a fraction.
      tags: ['remove_all_sd'],
    },
    // Beside the API server, most of whose packages it shares; alone some 130.
    buildCpuSeconds: 40,
    onPath: { command: 'promtool', args: ['--version'], pattern: /promtool, version (\S+)/ },
  },
  prometheus: {
    name: 'prometheus',
    version: PROMETHEUS,
    recipe: {
      kind: 'go',
      folder: 'prometheus',
      // Those parts of the server that a test of queries needs: no package more than promtool.
      package: 'certman.local/tools/prometheus',
      stamps: { 'github.com/prometheus/common/version.Version': PROMETHEUS },
      tags: ['remove_all_sd'],
    },
    buildCpuSeconds: 2,
    onPath: { command: 'prometheus', args: ['--version'], pattern: /prometheus, version (\S+)/ },
  },
};

/** Names of all tools. */
export const ALL_TOOLS = Object.keys(TOOLS) as readonly ToolName[];

function kubernetes(program: string): Recipe {
  return {
    kind: 'go',
    folder: 'kubernetes',
    package: `k8s.io/kubernetes/cmd/${program}`,
    stamps: { 'k8s.io/component-base/version.gitVersion': `v${KUBERNETES}` },
  };
}

/** Published images of the same versions, for docker-compose.yml. */
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

/** Region and credentials for moto; not secret. */
export const AWS = { region: 'us-east-1', accessKeyId: 'AKIACERTMANLOCAL', secretAccessKey: 'certman-local' } as const;

/**
 * For the parts in Go: more memory for less CPU time. Measured with 400 instead of Go's 100: Pebble takes 23 % less CPU time
 * for a certificate and 14 MiB more, Temporal 9 % less for a workflow and 200 MiB more. Near the limit they collect more often.
 */
export const GO_RUNTIME = { GOGC: '400', GOMEMLIMIT: '1GiB' } as const;

/** The development server's namespace. */
export const TEMPORAL_NAMESPACE = 'default';
/** The worker warns below this: it reads closed workflows of the last 30 days. */
export const TEMPORAL_RETENTION_DAYS = 30;

/** The parts of a stack. */
export const PART_NAMES = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'moto',
  'coredns',
  'pebble',
  'temporal',
] as const;

/** Name of a part, and of its log; `postgres` runs where Temporal is the server of production. */
export type PartName = (typeof PART_NAMES)[number] | 'postgres';
