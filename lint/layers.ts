/**
 * Which folder may import which, from the bottom up. lint/import-layers.ts enforces it; docs/decisions/import-layers.md has the
 * reasons.
 */

export interface Layer {
  /** A folder or a file, from the root. A file belongs to the layer with the longest path that contains it. */
  readonly path: string;
  /** The layers above it in this table that it may import. It may always import itself. */
  readonly imports: readonly string[];
  /** The only packages and Node built-ins that it may import. Absent: any. */
  readonly packages?: readonly string[];
}

/** Pure: no I/O, no clock, no packages. Workflows import them. */
const PURE = ['src/failures', 'src/rate-limit', 'src/certificates', 'src/clusters', 'src/campaigns'];
const CONTRACT = [...PURE, 'src/contract'];
/** What every client may import. */
const BELOW_CLIENTS = [...CONTRACT, 'src/x509', 'src/cache', 'src/network', 'src/renewal-windows'];
/** Clients of the outside systems. */
const CLIENTS = ['src/acme', 'src/crl', 'src/tls-probe', 'src/kubernetes/api', 'src/kubernetes/objects', 'src/dns'];
const SERVICES = [
  ...BELOW_CLIENTS,
  ...CLIENTS,
  'src/temporal',
  'src/payloads',
  'src/version.ts',
  'src/configuration',
  'src/observability/metrics.ts',
];
const WORKER = [...SERVICES, 'src/issuance', 'src/controller', 'src/observability', 'activities', 'workflows'];
const SRC = [...WORKER, 'src/worker', 'src/cli'];
const DETERMINISTIC = ['@temporalio/workflow', '@temporalio/common'];

export const LAYERS: readonly Layer[] = [
  { path: 'src/failures', imports: [], packages: [] },
  { path: 'src/rate-limit', imports: ['src/failures'], packages: [] },
  { path: 'src/certificates', imports: ['src/failures', 'src/rate-limit'], packages: [] },
  { path: 'src/clusters', imports: ['src/failures', 'src/certificates'], packages: [] },
  { path: 'src/campaigns', imports: ['src/failures', 'src/rate-limit', 'src/certificates'], packages: [] },
  { path: 'src/contract', imports: PURE, packages: DETERMINISTIC },
  { path: 'workflows', imports: CONTRACT, packages: DETERMINISTIC },
  // The layers above the clients record them.
  { path: 'src/observability/metrics.ts', imports: [], packages: ['prom-client'] },
  { path: 'src/cache', imports: ['src/failures'], packages: ['lru-cache'] },
  { path: 'src/network', imports: [], packages: ['node:dns', 'node:dns/promises', 'node:net', 'node:util', 'undici'] },
  // Not for workflows: time zones depend on the build of Node.
  { path: 'src/renewal-windows', imports: ['src/certificates'], packages: ['croner', 'zod'] },
  {
    path: 'src/x509',
    imports: ['src/failures'],
    packages: ['node:crypto', 'node:stream', 'node:tls', '@peculiar/asn1-schema', '@peculiar/asn1-x509'],
  },
  { path: 'src/acme', imports: BELOW_CLIENTS },
  { path: 'src/tls-probe', imports: BELOW_CLIENTS },
  { path: 'src/crl', imports: BELOW_CLIENTS },
  { path: 'src/kubernetes/api', imports: BELOW_CLIENTS },
  { path: 'src/kubernetes/objects', imports: [...BELOW_CLIENTS, 'src/kubernetes/api'] },
  // A provider reads its zone and its credentials from Kubernetes objects.
  { path: 'src/dns', imports: [...BELOW_CLIENTS, 'src/kubernetes/api', 'src/kubernetes/objects'] },
  { path: 'src/version.ts', imports: [] },
  { path: 'src/temporal', imports: ['src/failures'] },
  { path: 'src/payloads', imports: ['src/failures'] },
  { path: 'src/configuration', imports: [...CONTRACT, 'src/network', 'src/dns', 'src/payloads'] },
  { path: 'src/issuance', imports: SERVICES },
  { path: 'src/controller', imports: [...SERVICES, 'src/issuance'] },
  { path: 'src/observability', imports: [...SERVICES, 'src/issuance', 'src/controller'] },
  { path: 'activities', imports: [...SERVICES, 'src/issuance', 'src/controller'] },
  { path: 'src/worker', imports: WORKER },
  { path: 'src/cli', imports: [...WORKER, 'src/worker'] },
  { path: 'lint', imports: [] },
  { path: 'local', imports: SRC },
  { path: 'test', imports: [...SRC, 'lint', 'local'] },
  { path: 'bench', imports: [...SRC, 'local', 'test'] },
  { path: 'bin', imports: ['src/cli'] },
  { path: 'vitest.config.ts', imports: ['test'] },
];

/** Imports against the table, each to be removed. The test fails on one that is no longer needed. */
export const EXCEPTIONS: readonly { readonly file: string; readonly imports: string; readonly reason: string }[] = [];
