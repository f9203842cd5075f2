import type { CachedCluster } from '../clusters/cached-cluster.ts';
import type { ObjectRef } from '../clusters/cluster-identity.ts';
import { type ClusterView, clusterDigest } from '../clusters/cluster-view.ts';
import { CertmanError, isFailure } from '../failures/failure.ts';
import { backoffDelay, pause } from '../kubernetes/api/backoff.ts';
import type { KubernetesApi, ResourceType } from '../kubernetes/api/kubernetes-api.ts';
import { projectClusterDeployment } from '../kubernetes/objects/cluster-deployment.ts';
import { listCertificateRequests, type ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { standaloneView } from '../kubernetes/objects/request-views.ts';
import { CERTIFICATE_REQUESTS, CLUSTER_DEPLOYMENTS } from '../kubernetes/objects/resources.ts';
import { CacheFreshness } from './cache-freshness.ts';
import { SignalRejected } from './cluster-workflow-client.ts';
import type { ControllerContext } from './controller-context.ts';
import { keyOf, nameOf } from './namespaced-name.ts';
import type { PrimaryEventHandler } from './primary-reconciler.ts';
import { Replanning } from './replan.ts';
import { OwnedObjectsResync } from './resync-owned-objects.ts';
import { WorkflowResync } from './resync-workflows.ts';

/** The first resync comes soon, since a take-over often follows an outage. */
const FIRST_DELAY_MS = 60_000;
/** After failures in a row; at most the interval. */
const FIRST_RETRY_MS = 30_000;
/** Share of the interval by which a resync is early at random: several management clusters share Temporal. */
const MAX_JITTER_SHARE = 1 / 10;

/**
 * Compares what there is with the cache and with what the running workflows observed; signals a difference that a second
 * read confirms. What there is comes from paged lists, or from the cache while that is fresh. Runs until the signal, whose reason it throws: an outage of what it asks is retried.
 */
export async function runResync(
  context: ControllerContext,
  clusters: PrimaryEventHandler,
  requests: PrimaryEventHandler,
  handledUpTo: (plural: string) => string | undefined,
): Promise<never> {
  const { settings, cache, kubernetes, source, signaller, signal, logger } = context;
  const freshness = new CacheFreshness({ source, signal, handledUpTo, alwaysList: settings.namespaces !== undefined });
  const workflows = new WorkflowResync(context);
  const ownedObjects = new OwnedObjectsResync(context, freshness);
  const replanning = new Replanning(context);

  const resync = async (): Promise<void> => {
    const start = performance.now();
    const failures: Error[] = [];
    /** A part that fails holds up no part that does not need its result. */
    const attempt = async <Result>(part: () => Promise<Result>): Promise<Result | undefined> => {
      try {
        return await part();
      } catch (error) {
        signal.throwIfAborted();
        if (!isExpected(error)) throw error;
        failures.push(error);
        return undefined;
      }
    };
    const refused = await attempt(() => signaller.retryRefused());
    const deployments = await attempt(() => resyncClusters(context, clusters, freshness));
    const listed = await attempt(() =>
      freshness.read<readonly ObservedRequest[]>(CERTIFICATE_REQUESTS, {
        cached: () => [...cache.requests.all()],
        list: () => listCertificateRequests(kubernetes, { known: (name) => cache.requests.get(name) }),
      }),
    );
    // Else it is not known which requests are standalone, and which clusters are gone.
    const isComplete = deployments !== undefined && cache.deploymentsKnown;
    const differences = {
      refused,
      clusters: deployments?.differing,
      standalone: isComplete && listed && (await attempt(() => resyncStandalone(context, requests, listed))),
      ownedObjects: listed && (await attempt(() => ownedObjects.run(listed))),
      replanned: isComplete && (await attempt(() => replanning.run())),
      workflows: isComplete && (await attempt(() => workflows.run(deployments.hiveInstalled))),
      // Without Hive, nothing shows whether a ClusterDeployment is gone.
      orphans: isComplete && deployments.hiveInstalled && listed && (await attempt(() => workflows.runOrphans(listed))),
    };
    signal.throwIfAborted();
    if (failures[0] !== undefined) throw failures[0];
    const ms = Math.round(performance.now() - start);
    logger.info({ ms, clusters: [...cache.allClusters()].length, differences }, 'Resynced');
  };

  let waitMs = Math.min(settings.resyncIntervalMs, FIRST_DELAY_MS);
  for (let failures = 0; ; ) {
    await pause(waitMs, signal);
    try {
      await resync();
      failures = 0;
      waitMs = settings.resyncIntervalMs * (1 - MAX_JITTER_SHARE * Math.random());
    } catch (error) {
      signal.throwIfAborted();
      if (!isExpected(error)) throw error;
      failures += 1;
      waitMs = Math.round(backoffDelay(failures, { first: FIRST_RETRY_MS, max: settings.resyncIntervalMs }));
      logger.warn({ problem: error.message, retryInMs: waitMs }, 'The resync failed');
    }
  }
}

function isExpected(error: unknown): error is SignalRejected | CertmanError {
  return error instanceof SignalRejected || error instanceof CertmanError;
}

/** @returns the number of differences, and whether the API server knows ClusterDeployments. */
async function resyncClusters(
  context: ControllerContext,
  handler: PrimaryEventHandler,
  freshness: CacheFreshness,
): Promise<{ readonly differing: number; readonly hiveInstalled: boolean }> {
  const { kubernetes, cache } = context;
  try {
    const differing = await freshness.read<readonly ObjectRef[]>(CLUSTER_DEPLOYMENTS, {
      // Those whose last signal Temporal has not taken.
      cached: () => [...cache.deployments.all()].filter(({ digest }) => digest === undefined),
      list: () => listDifferingClusters(context),
    });
    return { differing: await reconcile(kubernetes, CLUSTER_DEPLOYMENTS, differing, handler), hiveInstalled: true };
  } catch (error) {
    if (isFailure(error, 'kubernetes/notFound')) return { differing: 0, hiveInstalled: false };
    throw error;
  }
}

async function listDifferingClusters({
  kubernetes,
  settings,
  cache,
}: ControllerContext): Promise<readonly ObjectRef[]> {
  const listed = new Set<string>();
  const differing: ObjectRef[] = [];
  for await (const object of kubernetes.list(CLUSTER_DEPLOYMENTS)) {
    const name = nameOf(object);
    listed.add(keyOf(name));
    const projected = projectClusterDeployment(object, settings);
    if (projected.kind === 'cluster' && differs(cache.getCluster(name), projected.view))
      differing.push(projected.view.identity);
  }
  const unlisted = [...cache.deployments.all()].filter((cluster) => !listed.has(keyOf(cluster)));
  return [...differing, ...unlisted];
}

/** @returns the number of differences, requests that became or ceased to be standalone included. */
async function resyncStandalone(
  { kubernetes, settings, cache }: ControllerContext,
  handler: PrimaryEventHandler,
  requests: readonly ObservedRequest[],
): Promise<number> {
  const listed = new Set(requests.map(keyOf));
  const differing = requests.filter((request) => {
    const isOwned = cache.ownerOf(request) !== undefined;
    const view = isOwned ? undefined : standaloneView(settings, request);
    return differs(cache.standalone.get(request), view);
  });
  const unlisted = [...cache.standalone.all()].filter((cluster) => !listed.has(keyOf(cluster)));
  return await reconcile(kubernetes, CERTIFICATE_REQUESTS, [...differing, ...unlisted], handler);
}

/**
 * Reads each object again, since the list may be behind the watch. What a read does not find is gone by the uid that
 * was known before it: meanwhile the watch may have cached a successor. @returns their number.
 */
async function reconcile(
  kubernetes: KubernetesApi,
  resource: ResourceType,
  known: readonly ObjectRef[],
  handler: PrimaryEventHandler,
): Promise<number> {
  for (const { namespace, name, uid } of known) {
    const object = await kubernetes.get(resource, { namespace, name });
    if (object === undefined) await handler.onMissedDelete({ namespace, name, uid });
    else await handler.onUpsert(object, 'list');
  }
  return known.length;
}

function differs(cached: CachedCluster | undefined, view: ClusterView | undefined): boolean {
  return cached?.uid !== view?.identity.uid || cached?.digest !== (view && clusterDigest(view));
}
