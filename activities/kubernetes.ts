import { Context } from '@temporalio/activity';
import type { RenewalPolicy } from '../src/certificates/planned-renewal.ts';
import type { BundleRef } from '../src/contract/activities/bundle-ref.ts';
import type {
  ApplyCertificateRequestsInput,
  DecommissionRules,
  KubernetesActivities,
  RequestObservation,
} from '../src/contract/activities/kubernetes.ts';
import type { KubernetesApi } from '../src/kubernetes/api/kubernetes-api.ts';
import {
  applyCertificateRequest,
  type CompleteObservation,
} from '../src/kubernetes/objects/apply-certificate-request.ts';
import { applyCertificateRequests } from '../src/kubernetes/objects/apply-certificate-requests.ts';
import { requireReleasable, type ViewSettings, viewOf } from '../src/kubernetes/objects/asked-for.ts';
import { deleteBundleObjects } from '../src/kubernetes/objects/delete-bundle-objects.ts';
import type { MissingFinalizers } from '../src/kubernetes/objects/missing-finalizers.ts';
import type { OperatorSettings } from '../src/kubernetes/objects/operator-settings.ts';
import { postponeRenewal, type RenewalControls } from '../src/kubernetes/objects/postpone-renewal.ts';
import { releasePrimaryObject } from '../src/kubernetes/objects/primary-object.ts';
import type { ServedBundles } from '../src/kubernetes/objects/served-bundles.ts';
import { TimeLimit } from '../src/network/time-limit.ts';
import { FirstTasks } from './first-tasks.ts';
import { StatusReporter } from './status-reporter.ts';
import { wrapActivity } from './wrap-activity.ts';

/** What the activities on the management cluster's API server need. */
export interface KubernetesActivityDeps {
  readonly kubernetes: KubernetesApi;
  readonly settings: OperatorSettings;
  readonly caHost: () => Promise<string | undefined>;
  /** Directory hosts of the CAs that stand in for it. */
  readonly fallbackCaHosts?: readonly string[];
  /** Directory host of the CA that may replace certificates of others; undefined: none may. */
  readonly caChangeAllowedTo?: string | undefined;
  readonly decommission: DecommissionRules;
  readonly bundles: ServedBundles;
  /** Shared with other activities; absent: of its own. */
  readonly statuses?: StatusReporter;
  readonly projection: ViewSettings;
  /** Of the watch in this process; absent: each cluster is read. */
  readonly missingFinalizers?: Pick<MissingFinalizers, 'take'> | undefined;
  /** Releases the turn that an order of the bundle waits for. Never throws. */
  readonly releaseTurn?: (bundle: BundleRef) => Promise<void>;
  /** Of certificates without the annotation; absent: `renew-before`. */
  readonly renewalPolicy?: RenewalPolicy;
  /** Of the worker: first looks at clusters never hold all of them. */
  readonly workflowTaskSlots: number;
  /** Absent: no renewal is postponed. */
  readonly renewals?: RenewalControls;
}

/** @see KubernetesActivities for what each does. */
export function createKubernetesActivities(deps: KubernetesActivityDeps): KubernetesActivities {
  const { settings, decommission, caChangeAllowedTo, bundles, projection, missingFinalizers, renewalPolicy } = deps;
  const statuses = deps.statuses ?? new StatusReporter(deps.kubernetes);
  const kubernetes = (): KubernetesApi => deps.kubernetes.withSignal(Context.current().cancellationSignal);
  const access = () => ({
    kubernetes: kubernetes(),
    settings,
    ...statuses.writers,
    bundles,
    projection,
    missingFinalizers,
    renewalPolicy,
  });
  const complete: CompleteObservation = async (observation, { kubernetes: api, cluster, bundleName, known }) => {
    const observed = await withCa(observation);
    const bundle = cluster.view.bundles.find(({ name }) => name === bundleName);
    if (bundle === undefined || known === undefined || deps.renewals === undefined) return observed;
    return await postponeRenewal(api, deps.renewals, { cluster, bundle, known, now: Date.now() }, observed);
  };
  const withCa = async (observation: RequestObservation): Promise<RequestObservation> => {
    const caHost = await deps.caHost();
    const caChangeAllowed = caHost !== undefined && caHost === caChangeAllowedTo;
    const { fallbackCaHosts = [] } = deps;
    return {
      ...observation,
      caHost,
      ...(fallbackCaHosts.length > 0 && { fallbackCaHosts }),
      ...(caChangeAllowed && { caChangeAllowed }),
    };
  };
  const evaluate = async (input: ApplyCertificateRequestsInput, signal: AbortSignal) => {
    const { info, log } = Context.current();
    const limits: TimeLimit[] = [];
    const context = {
      ...access(),
      kubernetes: deps.kubernetes.withSignal(signal),
      complete,
      workflowId: info.workflowExecution?.workflowId ?? '',
      kubernetesWithin: (ms: number) => {
        const limit = new TimeLimit(ms, signal);
        limits.push(limit);
        return deps.kubernetes.withSignal(limit.signal);
      },
      onStatusError: (error: unknown) => {
        const problem = error instanceof Error ? error.message : String(error);
        log.warn('A status could not be written beside the evaluation; the workflow writes it', { problem });
      },
    };
    try {
      return await applyCertificateRequests(context, input);
    } finally {
      for (const limit of limits) limit.end();
    }
  };
  const firstTasks = new FirstTasks(deps.workflowTaskSlots);
  return {
    applyCertificateRequest: wrapActivity(async (input) => await applyCertificateRequest(access(), input, complete)),
    applyCertificateRequests: wrapActivity(
      async (input) => await evaluate(input, Context.current().cancellationSignal),
    ),
    evaluateInFirstTask: wrapActivity(async ({ deadline, ...input }) => {
      const { cancellationSignal } = Context.current();
      return await firstTasks.run(deadline, cancellationSignal, (signal) => evaluate(input, signal));
    }),
    reportStatus: wrapActivity(async ({ releasesTurn, ...input }) => {
      const { cluster, report } = input;
      // Nothing waits for it.
      if (releasesTurn === true) void deps.releaseTurn?.({ cluster, bundleName: report.bundleName });
      await statuses.report(input, Context.current().cancellationSignal);
    }),
    removeBundle: wrapActivity(async ({ waitsForTurn, ...bundle }) => {
      const removed = await deleteBundleObjects(kubernetes(), projection, bundle);
      // Nothing waits for it.
      if (waitsForTurn === true) void deps.releaseTurn?.(bundle);
      return { removed };
    }),
    removeFinalizer: wrapActivity(async (cluster, leftovers = []) => {
      const outcome = await releasePrimaryObject(kubernetes(), cluster, leftovers, statuses.eventRecorder(), (found) =>
        requireReleasable(viewOf(found, cluster, projection)),
      );
      // Counted by the interceptor of the metrics.
      if (outcome === 'kept') Context.current().log.warn('The finalizer is kept: the object is not being deleted');
      return outcome;
    }),
    decommissionRules: wrapActivity(() => Promise.resolve(decommission)),
  };
}
