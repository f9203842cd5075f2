import { Context } from '@temporalio/activity';
import type { DecommissionRules, KubernetesActivities } from '../src/contract/activities.ts';
import type { KubernetesApi } from '../src/kubernetes/api/kubernetes-api.ts';
import { applyCertificateRequest } from '../src/kubernetes/objects/apply-certificate-request.ts';
import { deleteBundleObjects } from '../src/kubernetes/objects/delete-bundle-objects.ts';
import { createOperatorSettings, type OperatorSettings } from '../src/kubernetes/objects/operator-settings.ts';
import { releasePrimaryObject } from '../src/kubernetes/objects/primary-object.ts';
import { reportStatus } from '../src/kubernetes/objects/report-status.ts';
import { BUNDLE_STATUS, REQUEST_STATUS, StatusWriter } from '../src/kubernetes/objects/status-writer.ts';
import { wrapActivity } from './wrap-activity.ts';

/** What the activities on the management cluster's API server need. */
export interface KubernetesActivityDeps {
  readonly kubernetes: KubernetesApi;
  readonly operatorNamespace: string;
  /** Shared with the other activities of the process, so that the ConfigMap is read once; created when absent. */
  readonly settings?: OperatorSettings;
  readonly caHost?: () => Promise<string | undefined>;
  readonly decommission?: DecommissionRules;
}

/** A day in which people can remove the cause of a failure; then Hive may continue. */
export const DEFAULT_DECOMMISSION_RULES: DecommissionRules = { policy: 'release', limitMs: 24 * 3_600_000 };

/** @see KubernetesActivities for what each does. */
export function createKubernetesActivities(deps: KubernetesActivityDeps): KubernetesActivities {
  const { kubernetes, decommission = DEFAULT_DECOMMISSION_RULES } = deps;
  const access = {
    kubernetes,
    settings: deps.settings ?? createOperatorSettings(deps),
    requestStatus: new StatusWriter(kubernetes, REQUEST_STATUS),
    bundleStatus: new StatusWriter(kubernetes, BUNDLE_STATUS),
  };
  const signal = (): AbortSignal => Context.current().cancellationSignal;
  return {
    applyCertificateRequest: wrapActivity(async (input) => {
      const observation = await applyCertificateRequest(access, input, signal());
      return { ...observation, caHost: await deps.caHost?.() };
    }),
    reportStatus: wrapActivity((input) => reportStatus(access, input, signal())),
    removeBundle: wrapActivity(async (input) => ({ removed: await deleteBundleObjects(kubernetes, input, signal()) })),
    removeFinalizer: wrapActivity((cluster, leftovers = []) =>
      releasePrimaryObject(kubernetes, cluster, leftovers, signal()),
    ),
    decommissionRules: wrapActivity(() => Promise.resolve(decommission)),
  };
}
