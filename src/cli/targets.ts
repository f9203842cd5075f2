/** What a command acts on: one cluster by its name, or a selection, after a confirmation. */

import pLimit from 'p-limit';
import { counted } from '../failures/counted.ts';
import { CertmanError } from '../failures/failure.ts';
import { getIfKnown } from '../kubernetes/api/discovery.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { clusterOwnersOf } from '../kubernetes/objects/certificate-request.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../kubernetes/objects/resources.ts';
import { type ClusterName, resolveClusterName, UsageError } from './arguments.ts';
import type { TargetOptions } from './kubectl-options.ts';
import { describeError } from './output.ts';
import { commandLine } from './program-name.ts';
import { type SelectedObject, selectObjects } from './select-objects.ts';
import { describeSelection, type Selection, selectionOf } from './selection.ts';

const CONCURRENCY = 10;

/** What became of one cluster. */
export interface TargetResult {
  /** `<namespace>/<name>` */
  readonly cluster: string;
  /** What was done, or with --dry-run would be. */
  readonly outcome?: string;
  readonly error?: string;
}

/** The clusters that a command names or selects. */
export interface Targets {
  readonly objects: readonly SelectedObject[];
  /** For people, such as `12 clusters with labels a=b`; absent: one, by its name. */
  readonly described?: string;
}

/** One cluster by its name, or a selection. */
export type Target = { readonly name: ClusterName } | { readonly selection: Selection };

/** What the command line says, before anything is connected to. @throws UsageError */
export async function parseTarget(text: string | undefined, options: TargetOptions): Promise<Target> {
  if (text === undefined) return { selection: selectionOf(options) };
  if (options.all === true || options.allNamespaces === true || options.selector !== undefined)
    throw new UsageError('a cluster by its name and a selection of clusters (-A, -l, --all) exclude each other');
  return { name: await resolveClusterName(text, options) };
}

/** @throws UsageError; CertmanError `kubernetes/notFound` when there is none. */
export async function readTargets(kubernetes: KubernetesApi, target: Target): Promise<Targets> {
  if ('name' in target) return { objects: [await readTarget(kubernetes, target.name)] };
  const objects: SelectedObject[] = [];
  for await (const object of selectObjects(kubernetes, target.selection)) objects.push(object);
  const among = describeSelection(target.selection) ?? 'in all namespaces';
  if (objects.length === 0) {
    throw new CertmanError({
      code: 'kubernetes/notFound',
      message: `There is no ClusterDeployment or standalone CertificateRequest ${among}.`,
      remedy: `Those that are served: ${commandLine('status')}`,
    });
  }
  return { objects, described: `${counted(objects.length, 'cluster')} ${among}` };
}

async function readTarget(kubernetes: KubernetesApi, name: ClusterName): Promise<SelectedObject> {
  const cluster = `${name.namespace}/${name.name}`;
  for (const resource of [CLUSTER_DEPLOYMENTS, CERTIFICATE_REQUESTS]) {
    const object = await getIfKnown(kubernetes, resource, name);
    if (object === undefined) continue;
    const [owner] = clusterOwnersOf(object.metadata);
    if (resource === CERTIFICATE_REQUESTS && owner !== undefined)
      throw new UsageError(`${cluster} is a certificate of the cluster ${owner.name}; name that one`);
    return { resource, ...name, object };
  }
  throw new CertmanError({
    code: 'kubernetes/notFound',
    message: `There is no ClusterDeployment or CertificateRequest ${cluster}.`,
    remedy: `Where it was looked for, and what has its name elsewhere: ${commandLine(`explain ${cluster}`)}`,
  });
}

/** Acts on each, several at once; one that fails holds up no other. In the order of the targets. */
export async function forEachTarget(
  { objects }: Targets,
  act: (target: SelectedObject) => Promise<string>,
): Promise<readonly TargetResult[]> {
  const limit = pLimit(CONCURRENCY);
  return await Promise.all(
    objects.map((target) =>
      limit(async () => {
        const cluster = `${target.namespace}/${target.name}`;
        try {
          return { cluster, outcome: await act(target) };
        } catch (error) {
          return { cluster, error: describeError(error).message };
        }
      }),
    ),
  );
}

/** Results as lines, those that failed last. */
export function formatResults(results: readonly TargetResult[]): string {
  const line = ({ cluster, outcome, error }: TargetResult) => `${cluster}: ${error ?? outcome}`;
  const succeeded = results.filter(({ error }) => error === undefined);
  return [...succeeded, ...results.filter(({ error }) => error !== undefined)].map(line).join('\n');
}

/** @throws CertmanError when one has failed, for the exit code. */
export function throwIfFailed(results: readonly TargetResult[]): void {
  const failed = results.filter(({ error }) => error !== undefined).length;
  if (failed === 0) return;
  throw new CertmanError({
    code: 'internal/unexpected',
    message: `${failed} of ${results.length} failed; the reasons are above. The same command does the rest.`,
  });
}
